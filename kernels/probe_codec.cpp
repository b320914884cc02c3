#include "kernels/probe.hpp"
#include "schema/strict_json.hpp"

namespace moetune::kernels {

using schema::ObjectReader;
using schema::Result;

namespace {

constexpr std::size_t k_max_text = 16 * 1024;
constexpr std::size_t k_max_items = 1024;

nlohmann::json to_json(const GpuFacts& gpu) {
  return {{"index", gpu.index},
          {"name", gpu.name},
          {"raw_name", gpu.raw_name},
          {"uuid", gpu.uuid},
          {"arch", gpu.arch},
          {"compile_arch", gpu.compile_arch},
          {"sm_count", gpu.sm_count},
          {"l2_bytes", gpu.l2_bytes},
          {"shared_optin_bytes", gpu.shared_optin_bytes},
          {"memory_bytes", gpu.memory_bytes},
          {"memory_free_bytes", gpu.memory_free_bytes ? nlohmann::json(*gpu.memory_free_bytes) : nlohmann::json()},
          {"integrated", gpu.integrated},
          {"other_processes", gpu.other_processes}};
}

Result<GpuFacts> gpu_from_json(const nlohmann::json& value) {
  ObjectReader reader(value, "gpu");
  GpuFacts gpu;
  gpu.index = static_cast<int>(reader.integer("index", 0, k_max_items));
  gpu.name = reader.text("name");
  gpu.raw_name = reader.text("raw_name");
  gpu.uuid = reader.text("uuid");
  gpu.arch = reader.text("arch");
  gpu.compile_arch = reader.text("compile_arch");
  gpu.sm_count = reader.integer("sm_count", 0, ObjectReader::k_max);
  gpu.l2_bytes = reader.integer("l2_bytes", 0, ObjectReader::k_max);
  gpu.shared_optin_bytes = reader.integer("shared_optin_bytes", 0, ObjectReader::k_max);
  gpu.memory_bytes = reader.integer("memory_bytes", 0, ObjectReader::k_max);
  gpu.memory_free_bytes = reader.optional_integer("memory_free_bytes", 0, ObjectReader::k_max);
  gpu.integrated = reader.boolean_or("integrated", false);
  gpu.other_processes = reader.integer("other_processes", 0, ObjectReader::k_max);
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  return gpu;
}

Result<Lack> lack_from_json(const nlohmann::json& value) {
  ObjectReader reader(value, "lack");
  Lack lack;
  lack.what = reader.text("what", k_max_text);
  lack.remedy = reader.text("remedy", k_max_text);
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  return lack;
}

template <typename T>
std::vector<T> read_list(ObjectReader& reader, std::string_view name, Result<T> (*read)(const nlohmann::json&)) {
  std::vector<T> items;
  const auto* value = reader.required_raw(name);
  if (value == nullptr) return items;
  if (!value->is_array() || value->size() > k_max_items) {
    reader.reject(name, "must be an array");
    return items;
  }
  for (const auto& element : *value) {
    auto item = read(element);
    if (!item) {
      reader.adopt(item.error());
      return items;
    }
    items.push_back(std::move(*item));
  }
  return items;
}

}  // namespace

nlohmann::json to_json(const DeviceFacts& facts) {
  auto gpus = nlohmann::json::array();
  for (const auto& gpu : facts.gpus) gpus.push_back(to_json(gpu));
  auto lacks = nlohmann::json::array();
  for (const auto& lack : facts.lacks) lacks.push_back({{"what", lack.what}, {"remedy", lack.remedy}});
  return {{"has_cuda", facts.has_cuda},
          {"has_nvml", facts.has_nvml},
          {"cuda_version", facts.cuda_version},
          {"driver_version", facts.driver_version},
          {"nvrtc", facts.nvrtc},
          {"nvrtc_library", facts.nvrtc_library},
          {"gpus", std::move(gpus)},
          {"lacks", std::move(lacks)}};
}

Result<DeviceFacts> device_facts_from_json(const nlohmann::json& value) {
  ObjectReader reader(value, "device facts");
  DeviceFacts facts;
  facts.has_cuda = reader.boolean_or("has_cuda", false);
  facts.has_nvml = reader.boolean_or("has_nvml", false);
  facts.cuda_version = reader.text("cuda_version");
  facts.driver_version = reader.text("driver_version");
  facts.nvrtc = reader.text("nvrtc");
  facts.nvrtc_library = reader.text("nvrtc_library", k_max_text);
  facts.gpus = read_list<GpuFacts>(reader, "gpus", gpu_from_json);
  facts.lacks = read_list<Lack>(reader, "lacks", lack_from_json);
  if (auto done = reader.finish(); !done) return std::unexpected(done.error());
  return facts;
}

}  // namespace moetune::kernels
