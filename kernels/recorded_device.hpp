#pragma once

#include <cstdint>

#include "kernels/measure_device.hpp"
#include "kernels/recording.hpp"
#include "kernels/worker_protocol.hpp"

namespace moetune::kernels {

/// Answers measurements out of a recording. The samples of a candidate are drawn, with replacement, from the row's own
/// by a generator that is seeded by device, problem, batch, configuration, the sweep's seed and, of a candidate
/// measured in rounds, the round: the same question gets the same answer in every run, in any order, on any machine.
/// Immutable, thread-safe.
class RecordedDevice : public MeasureDevice {
 public:
  RecordedDevice(Recording recording, std::uint64_t seed);

  /// As many samples as the row has, but 3 to 9 as on the real device, the first three of them when job.quick; 3 of a
  /// draw of its own for a job.round;
  /// job.best_us changes nothing, since it depends on the order of the run, and job.apart neither: stages_us is the
  /// row's, with the GEMMs' times in it when they were recorded apart. A failed row answers its status. A key that the
  /// recording lacks is answered launch_error: whoever asks is to intersect its space with the recording first.
  schema::Result<MeasureReply> measure(const MeasureJob& job) override;

 private:
  Recording recording_;
  std::uint64_t seed_;
};

}  // namespace moetune::kernels
