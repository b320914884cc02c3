#include "kernels/measure_worker.hpp"

#include <fmt/format.h>

#include "kernels/recorded_device.hpp"
#include "kernels/recording.hpp"

namespace moetune::kernels {

using schema::ErrorCode;
using schema::fail;
using schema::Result;

namespace {

Result<std::unique_ptr<MeasureDevice>> open_recording(const OpenProblem& request) {
  auto recording = Recording::load(*request.recording, {.problem = request.problem,
                                                        .batches = request.batches,
                                                        .l2 = request.l2,
                                                        .routing = request.routing,
                                                        .kernel = request.recording_kernel});
  if (!recording) return std::unexpected(recording.error());
  return std::make_unique<RecordedDevice>(std::move(*recording), request.seed);
}

}  // namespace

Hello MeasureWorker::hello() const {
  Hello hello;
  hello.worker = "measure";
  hello.version = MOETUNE_VERSION;
  return hello;
}

MeasureReady MeasureWorker::open(const OpenProblem& request) {
  // First, so that the old problem's memory is free for the new one.
  device_.reset();
  MeasureReady ready;
  ready.id = request.id;
  const auto take = [&](auto opened) {
    if (opened) {
      device_ = std::move(*opened);
    } else {
      ready.error = std::move(opened.error());
    }
  };
  if (request.recording) {
    take(open_recording(request));
  } else {
    take(GpuDevice::open(request, options_));
  }
  return ready;
}

Result<MeasureWorker::Answer> MeasureWorker::handle(const nlohmann::json& request) {
  if (request.is_object() && request.value("type", "") == "open") {
    const auto open_request = open_problem_from_json(request);
    if (!open_request) return std::unexpected(open_request.error());
    return Answer{.reply = to_json(open(*open_request))};
  }
  const auto job = measure_job_from_json(request);
  if (!job) return std::unexpected(job.error());
  if (!device_) return fail(ErrorCode::invalid_argument, fmt::format("job {} came before a problem was open", job->id));
  auto reply = device_->measure(*job);
  if (!reply) return std::unexpected(reply.error());
  return Answer{.reply = to_json(*reply), .last = reply->context_lost};
}

}  // namespace moetune::kernels
