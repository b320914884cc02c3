-- Version 18: a row that was imported from an export without rounds takes them from a newer export of the same row. What
-- is there never changes.

DROP TRIGGER imported_samples_stay;
CREATE TRIGGER imported_samples_stay BEFORE UPDATE ON imported_samples
WHEN OLD.rounds IS NOT NULL OR NEW.rounds IS NULL OR NEW.trial_id IS NOT OLD.trial_id
  OR NEW.samples_us IS NOT OLD.samples_us
BEGIN SELECT RAISE(ABORT, 'samples are never changed'); END;
