#include "kernels/nvrtc.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nvrtc.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>

namespace moetune::kernels {

namespace fs = std::filesystem;
using schema::ErrorCode;
using schema::fail;

struct Nvrtc::Api {
  decltype(&::nvrtcVersion) version = nullptr;
  decltype(&::nvrtcGetErrorString) error_text = nullptr;
  decltype(&::nvrtcGetNumSupportedArchs) arch_count = nullptr;
  decltype(&::nvrtcGetSupportedArchs) archs = nullptr;
  decltype(&::nvrtcCreateProgram) create = nullptr;
  decltype(&::nvrtcDestroyProgram) destroy = nullptr;
  decltype(&::nvrtcCompileProgram) compile = nullptr;
  decltype(&::nvrtcGetProgramLogSize) log_size = nullptr;
  decltype(&::nvrtcGetProgramLog) log = nullptr;
  decltype(&::nvrtcGetCUBINSize) cubin_size = nullptr;
  decltype(&::nvrtcGetCUBIN) cubin = nullptr;
  decltype(&::nvrtcGetPTXSize) ptx_size = nullptr;
  decltype(&::nvrtcGetPTX) ptx = nullptr;
};

namespace {

template <typename Pointer>
bool resolve(void* library, Pointer& pointer, const char* name) {
  pointer = reinterpret_cast<Pointer>(dlsym(library, name));
  return pointer != nullptr;
}

/// The library's file in a folder, newest major version first.
std::optional<fs::path> library_in(const fs::path& folder) {
  for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}) {
    std::error_code ignored;
    if (fs::exists(folder / name, ignored)) return folder / name;
  }
  return std::nullopt;
}

/// The lib folders of NVIDIA's wheels under one virtual environment: lib/pythonX.Y/site-packages/nvidia/PACKAGE/lib.
std::vector<fs::path> wheel_folders(const fs::path& venv) {
  std::vector<fs::path> folders;
  std::error_code ignored;
  for (const auto& python : fs::directory_iterator(venv / "lib", ignored)) {
    const auto nvidia = python.path() / "site-packages" / "nvidia";
    for (const auto& package : fs::directory_iterator(nvidia, ignored)) folders.push_back(package.path() / "lib");
  }
  std::ranges::sort(folders);
  return folders;
}

std::vector<fs::path> folders_to_search() {
  std::vector<fs::path> folders;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
    if (const char* home = std::getenv(variable); home != nullptr && *home != '\0') {
      folders.push_back(fs::path(home) / "lib64");
      folders.push_back(fs::path(home) / "lib");
    }
  }
  folders.emplace_back("/usr/local/cuda/lib64");
  std::error_code error;
  const auto executable = fs::read_symlink("/proc/self/exe", error);
  if (error) return folders;
  for (fs::path folder = executable.parent_path(); folder.has_relative_path(); folder = folder.parent_path()) {
    std::ranges::copy(wheel_folders(folder / ".venv"), std::back_inserter(folders));
  }
  return folders;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

CompileStatus classify(nvrtcResult result, std::string_view log) {
  if (result == NVRTC_SUCCESS) return CompileStatus::ok;
  if (contains(log, "uses too much shared data") || contains(log, "too many resources")) {
    return CompileStatus::out_of_resources;
  }
  if (result == NVRTC_ERROR_COMPILATION || result == NVRTC_ERROR_INVALID_OPTION) return CompileStatus::compile_error;
  return CompileStatus::compiler_internal;
}

std::vector<const char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  for (const auto& text : texts) pointers.push_back(text.c_str());
  return pointers;
}

}  // namespace

Result<Nvrtc> Nvrtc::open() {
  if (const char* named = std::getenv("MOETUNE_NVRTC"); named != nullptr && *named != '\0') {
    return open(fs::path(named));
  }
  for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12"}) {
    if (auto opened = open(fs::path(name))) return opened;
  }
  const auto folders = folders_to_search();
  std::string last_reason;
  for (const auto& folder : folders) {
    const auto library = library_in(folder);
    if (!library) continue;
    auto opened = open(*library);
    if (opened) return opened;
    last_reason = "; " + opened.error().message;
  }
  std::vector<std::string> shown{"the loader's path"};
  for (const auto& folder : folders) shown.push_back(folder.string());
  return fail(ErrorCode::unavailable,
              fmt::format("NVRTC not found (looked in {}); install the CUDA Toolkit or the wheel nvidia-cuda-nvrtc, or "
                          "name the file in MOETUNE_NVRTC{}",
                          fmt::join(shown, ", "), last_reason));
}

Result<Nvrtc> Nvrtc::open(const fs::path& library) {
  // Never closed: the compiler registers exit handlers.
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return fail(ErrorCode::unavailable, fmt::format("NVRTC cannot be opened: {}", reason == nullptr ? "" : reason));
  }
  auto api = std::make_shared<Api>();
  const bool complete =
      resolve(handle, api->version, "nvrtcVersion") && resolve(handle, api->error_text, "nvrtcGetErrorString") &&
      resolve(handle, api->arch_count, "nvrtcGetNumSupportedArchs") &&
      resolve(handle, api->archs, "nvrtcGetSupportedArchs") && resolve(handle, api->create, "nvrtcCreateProgram") &&
      resolve(handle, api->destroy, "nvrtcDestroyProgram") && resolve(handle, api->compile, "nvrtcCompileProgram") &&
      resolve(handle, api->log_size, "nvrtcGetProgramLogSize") && resolve(handle, api->log, "nvrtcGetProgramLog") &&
      resolve(handle, api->cubin_size, "nvrtcGetCUBINSize") && resolve(handle, api->cubin, "nvrtcGetCUBIN") &&
      resolve(handle, api->ptx_size, "nvrtcGetPTXSize") && resolve(handle, api->ptx, "nvrtcGetPTX");
  if (!complete) return fail(ErrorCode::unavailable, fmt::format("{} is no usable NVRTC", library.string()));

  Nvrtc nvrtc;
  if (api->version(&nvrtc.version_.major, &nvrtc.version_.minor) != NVRTC_SUCCESS)
    return fail(ErrorCode::unavailable, fmt::format("{} does not tell its version", library.string()));
  nvrtc.library_ = library.string();
  Dl_info where{};
  if (dladdr(reinterpret_cast<const void*>(api->version), &where) != 0 && where.dli_fname != nullptr) {
    nvrtc.library_ = where.dli_fname;
  }
  nvrtc.api_ = std::move(api);
  return nvrtc;
}

std::string Nvrtc::compiler_text() const {
  return fmt::format("nvrtc {}.{}", version_.major, version_.minor);
}

Result<std::vector<int>> Nvrtc::architectures() const {
  int count = 0;
  if (api_->arch_count(&count) != NVRTC_SUCCESS) return fail(ErrorCode::internal, "NVRTC lists no architectures");
  std::vector<int> archs(static_cast<std::size_t>(count));
  if (api_->archs(archs.data()) != NVRTC_SUCCESS) return fail(ErrorCode::internal, "NVRTC lists no architectures");
  std::ranges::sort(archs);
  return archs;
}

Result<CompileOutcome> Nvrtc::compile(const CompileRequest& request) const {
  std::vector<std::string> names, texts;
  for (const auto& header : request.headers) {
    names.push_back(header.name);
    texts.push_back(header.text);
  }
  nvrtcProgram program = nullptr;
  const auto created =
      api_->create(&program, request.source.c_str(), request.name.c_str(), static_cast<int>(names.size()),
                   pointers_to(texts).data(), pointers_to(names).data());
  if (created != NVRTC_SUCCESS)
    return fail(ErrorCode::internal,
                fmt::format("NVRTC takes no program {}: {}", request.name, api_->error_text(created)));
  const auto destroy = [this](nvrtcProgram owned) { api_->destroy(&owned); };
  const std::unique_ptr<std::remove_pointer_t<nvrtcProgram>, decltype(destroy)> owner(program, destroy);

  auto options = request.options;
  options.push_back("--gpu-architecture=" + request.arch);
  const auto result = api_->compile(program, static_cast<int>(options.size()), pointers_to(options).data());

  CompileOutcome outcome;
  std::size_t size = 0;
  if (api_->log_size(program, &size) == NVRTC_SUCCESS && size > 1) {
    outcome.log.resize(size);
    api_->log(program, outcome.log.data());
    outcome.log.resize(size - 1);
  }
  outcome.status = classify(result, outcome.log);
  if (outcome.status != CompileStatus::ok) {
    if (outcome.log.empty()) outcome.log = api_->error_text(result);
    return outcome;
  }
  if (api_->cubin_size(program, &size) != NVRTC_SUCCESS || size == 0)
    return fail(ErrorCode::internal, fmt::format("NVRTC gave no machine code for {} ({})", request.name, request.arch));
  outcome.cubin.resize(size);
  api_->cubin(program, reinterpret_cast<char*>(outcome.cubin.data()));
  if (api_->ptx_size(program, &size) == NVRTC_SUCCESS && size > 1) {
    outcome.ptx.resize(size);
    api_->ptx(program, outcome.ptx.data());
    outcome.ptx.resize(size - 1);
  }
  return outcome;
}

}  // namespace moetune::kernels
