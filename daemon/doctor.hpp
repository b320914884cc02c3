#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "daemon/folder_publisher.hpp"
#include "daemon/kernel_cache.hpp"
#include "daemon/sweep/machine.hpp"

namespace moetune::daemon {

/// The body of GET /doctor: {"version", "checks": [{"name", "status", "message", "advice"}], "gpus": [...]}: what works
/// on this machine, what does not, and what to do. status is ok, missing or error.
/// `publisher` may be null.
nlohmann::ordered_json doctor_report(const Machine& machine, KernelCache& cache, const std::filesystem::path& data_dir,
                                     const FolderPublisher* publisher);

}  // namespace moetune::daemon
