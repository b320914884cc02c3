DELETE FROM artifacts;
