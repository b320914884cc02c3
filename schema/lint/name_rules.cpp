#include <fmt/format.h>

#include <algorithm>

#include "schema/lint/subject.hpp"

namespace moetune::schema::lint {
namespace {

void check_form(const Subject& subject, Report& report) {
  if (!subject.name) {
    const auto name = engine_file_name_from_text(subject.input.path);
    report.findings.push_back({Code::name_form, std::nullopt, name.error().message});
    return;
  }
  if (!subject.name->exact) {
    report.findings.push_back({Code::name_form, std::nullopt,
                               "no engine spells the name so: E and N have no leading zeros, block_shape is \"[n,k]\" "
                               "for vLLM and \"[n, k]\" "
                               "for SGLang and left out where a side is 0, per_channel_quant is True or left out"});
  } else if (subject.name->format && subject.format != subject.name->format) {
    report.findings.push_back({Code::name_form, std::nullopt,
                               fmt::format("the name is spelt as {} does, the file is for {}",
                                           name_of(*subject.name->format), name_of(*subject.format))});
  }
}

void check_device(const Subject& subject, Report& report) {
  const std::string& device = subject.name->device;
  const auto add = [&](std::string message) {
    report.findings.push_back({Code::name_device, std::nullopt, std::move(message)});
  };
  const auto parts_with_h200 = [&] { return fmt::format("_{}_", device).find("_H200_") != std::string::npos; };
  if (device.empty()) {
    add("the device is empty: every driver reports a name");
  } else if (device.find(' ') != std::string::npos) {
    std::string spelt = device;
    std::ranges::replace(spelt, ' ', '_');
    add(fmt::format("device \"{}\" has blanks, which the engines turn into underscores: use {}", device, spelt));
  } else if (const auto whole = whole_device_name(device)) {
    add(fmt::format("no driver reports a device \"{}\": the engines look for the whole name, such as {}", device,
                    *whole));
  } else if (subject.is(EngineFormat::vllm) && device != "NVIDIA_H200" && parts_with_h200()) {
    add(fmt::format("vllm looks for NVIDIA_H200 on every device of that family, not for {}", device));
  }
}

void check_dtype(const Subject& subject, Report& report) {
  const std::string& word = subject.name->dtype_word;
  const auto add = [&](std::string message) {
    report.findings.push_back({Code::name_dtype, std::nullopt, std::move(message)});
  };
  if (!subject.name->dtype) {
    const bool plain = word.starts_with("bf") || word.starts_with("fp16") || word.starts_with("float16") ||
                       word.starts_with("half") || word == "auto" || word == "None";
    add(plain ? fmt::format("no engine looks for dtype \"{}\": leave the dtype out for bf16 and fp16", word)
              : fmt::format("no engine looks for dtype \"{}\": use fp8_w8a8, fp8_w8a16 (vllm), int8_w8a8 (sglang), "
                            "int8_w8a16, int4_w4a16 or float32, or leave it out for bf16 and fp16",
                            word));
  } else if (subject.is(EngineFormat::vllm) && subject.name->dtype == Dtype::int8_w8a8) {
    add("vllm never looks for dtype \"int8_w8a8\": it takes the file without a dtype");
  } else if (subject.is(EngineFormat::sglang) && subject.name->dtype == Dtype::fp8_w8a16) {
    add("sglang never looks for dtype \"fp8_w8a16\"");
  }
}

bool is_version(std::string_view text) {
  bool digit = false;
  for (const char c : text) {
    if (c == '_' && !digit) return false;
    digit = c >= '0' && c <= '9';
    if (!digit && c != '_') return false;
  }
  return digit;
}

}  // namespace

void check_name(const Subject& subject, Report& report) {
  check_form(subject, report);
  if (!subject.name) return;
  check_device(subject, report);
  check_dtype(subject, report);
  if (!subject.name->backend.empty()) {
    report.findings.push_back({Code::other_backend, std::nullopt,
                               fmt::format("the file is for the backend \"{}\", not for the Triton kernel: its rows "
                                           "were not checked",
                                           subject.name->backend)});
  }
}

/// Only the folder that holds the file: SGLang looks for nothing further up.
void check_folder(const Subject& subject, Report& report) {
  constexpr std::string_view k_start = "triton_";
  const std::string_view path = subject.input.path;
  const std::string_view before = path.substr(0, std::max<std::size_t>(path.rfind('/') + 1, 1) - 1);
  const std::string_view folder = before.substr(before.rfind('/') + 1);
  if (!folder.starts_with(k_start) || is_version(folder.substr(k_start.size()))) return;
  report.findings.push_back(
      {Code::folder_version, std::nullopt,
       fmt::format(
           "sglang takes the folder \"{}\" apart into numbers when it looks for files of other Triton versions, "
           "and fails: name it like triton_3_6_0",
           folder)});
}

}  // namespace moetune::schema::lint
