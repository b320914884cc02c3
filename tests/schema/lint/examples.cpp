#include "tests/schema/lint/examples.hpp"

#include <fmt/format.h>

namespace moetune::schema::lint {
namespace {

constexpr const char* k_vllm = "E=64,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128,128].json";
constexpr const char* k_sglang = "E=64,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128].json";
constexpr const char* k_sglang_down =
    "E=64,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[128, 128]_down.json";

std::string row_of(int m, int n, int k, int group, int warps, int stages) {
  return fmt::format(
      R"("BLOCK_SIZE_M": {}, "BLOCK_SIZE_N": {}, "BLOCK_SIZE_K": {}, "GROUP_SIZE_M": {}, "num_warps": {}, )"
      R"("num_stages": {})",
      m, n, k, group, warps, stages);
}

/// No engine's default at any batch, and fits every device.
std::string plain_row() {
  return row_of(16, 64, 64, 4, 2, 2);
}

std::vector<Example> name_examples() {
  return {
      {Code::name_form, {"config.json", clean_text()}, {}, "does not start with E="},
      {Code::name_form, {"E=08,N=512,device_name=NVIDIA_H200.json", clean_text()}, {}, "no engine spells"},
      {Code::name_form,
       {.path = k_sglang, .text = clean_text(), .format = EngineFormat::vllm},
       {},
       "spelt as sglang does, the file is for vllm"},
      {Code::name_device, {"E=8,N=512,device_name=NVIDIA_H100.json", clean_text()}, {}, "NVIDIA_H100_80GB_HBM3"},
      {Code::name_device, {"E=8,N=512,device_name=H200.json", clean_text()}, {}, "NVIDIA_H200"},
      {Code::name_device, {"E=8,N=512,device_name=.json", clean_text()}, {}, "empty"},
      {Code::name_device, {"E=8,N=512,device_name=NVIDIA H200.json", clean_text()}, {}, "use NVIDIA_H200"},
      {Code::name_dtype,
       {"E=8,N=512,device_name=NVIDIA_H200,dtype=bf16.json", clean_text()},
       {},
       "leave the dtype out"},
      {Code::name_dtype, {"E=8,N=512,device_name=NVIDIA_H200,dtype=fp8.json", clean_text()}, {}, "use fp8_w8a8"},
      {Code::name_dtype,
       {.path = "E=8,N=512,device_name=NVIDIA_H200,dtype=int8_w8a8.json",
        .text = clean_text(),
        .format = EngineFormat::vllm},
       {},
       "without a dtype"},
      {Code::other_backend,
       {"E=8,N=512,device_name=AMD_Instinct_MI350X,dtype=int4_w4a16,backend=x.json", clean_text()},
       {},
       "backend \"x\""},
      {Code::folder_version,
       {fmt::format("configs/triton_3_5_1+git/{}", k_sglang), clean_text()},
       {},
       "triton_3_5_1+git"},
      {Code::unreadable, {k_vllm, "{\"1\": {\"BLOCK_SIZE_M\": 16"}, {}, "line 1"},
      {Code::unreadable, {k_vllm, "[]"}, {}, "no object"},
  };
}

std::vector<Example> key_examples() {
  const std::string row = "{" + plain_row() + "}";
  return {
      {Code::triton_version, {k_sglang, file_of(plain_row(), R"("triton_version": "3.6.0",)")}, {}, "raises"},
      {Code::missing_partner, {k_sglang_down, clean_text()}, {}, "not beside it"},
      {Code::partner_block_m,
       {.path = k_sglang_down, .text = clean_text(), .up_text = file_of(row_of(32, 64, 64, 4, 2, 2))},
       1,
       "16 for GEMM 2 and 32 for GEMM 1"},
      {Code::no_rows, {k_vllm, "{\"triton_version\": \"3.6.0\"}"}, {}, "no row"},
      {Code::key_gap, {k_vllm, fmt::format(R"({{"1": {0}, "64": {0}}})", row)}, {}, "between 1 and 64"},
      {Code::key_not_integer, {k_vllm, file_of(plain_row(), fmt::format(R"("8.0": {},)", row))}, {}, "\"8.0\""},
      {Code::key_spelling, {k_vllm, file_of(plain_row(), fmt::format(R"("07": {},)", row))}, 7, "read as 7"},
      {Code::key_range, {k_vllm, file_of(plain_row(), fmt::format(R"("0": {},)", row))}, 0, "key 0"},
      {Code::duplicate_key, {k_vllm, file_of(plain_row(), fmt::format(R"("4096": {},)", row))}, 4096, "last one"},
      {Code::not_a_row, {k_vllm, file_of(plain_row(), R"("7": 16,)")}, 7, "plain value"},
  };
}

std::vector<Example> row_examples() {
  const auto with = [](const std::string& more) { return file_of(plain_row() + ", " + more); };
  const auto field = [](int m, int n, int k, int group, int warps, int stages) {
    return file_of(row_of(m, n, k, group, warps, stages));
  };
  const std::string amd = "E=8,N=512,device_name=AMD_Instinct_MI300X.json";
  return {
      {Code::missing_field,
       {k_vllm, file_of(R"("BLOCK_SIZE_M": 16, "BLOCK_SIZE_N": 64, "BLOCK_SIZE_K": 64)")},
       1,
       "GROUP_SIZE_M"},
      {Code::duplicate_field, {k_vllm, with(R"("num_warps": 2)")}, 1, "num_warps appears again"},
      {Code::unknown_field, {k_vllm, with(R"("block_size_m": 2)")}, 1, "block_size_m"},
      {Code::foreign_field, {k_vllm, with(R"("waves_per_eu": 0)")}, 1, "AMD's devices"},
      {Code::foreign_field, {k_vllm, with(R"("matrix_instr_nonkdim": 16)")}, 1, "AMD's devices"},
      {Code::foreign_field, {k_vllm, with(R"("kpack": 2)")}, 1, "AMD's devices"},
      {Code::foreign_field, {amd, with(R"("maxnreg": 128)")}, 1, "NVIDIA's devices"},
      {Code::foreign_field, {k_vllm, with(R"("USE_TMA": true)")}, 1, "is for sglang"},
      {Code::field_value, {k_vllm, field(24, 64, 64, 4, 2, 2)}, 1, "BLOCK_SIZE_M is 24"},
      {Code::field_value, {k_vllm, field(16, 64, 16, 4, 2, 2)}, 1, "at least 32"},
      {Code::field_value, {k_vllm, field(16, 64, 64, 0, 2, 2)}, 1, "GROUP_SIZE_M is 0"},
      {Code::field_value, {k_vllm, field(16, 64, 64, 4, 3, 2)}, 1, "num_warps is 3"},
      {Code::field_value, {k_vllm, field(16, 64, 64, 4, 2, -1)}, 1, "num_stages is -1"},
      {Code::field_value, {k_vllm, with(R"("SPLIT_K": 2)")}, 1, "SPLIT_K is 2"},
      {Code::field_value, {k_vllm, with(R"("num_ctas": "two")")}, 1, "num_ctas is \"two\""},
      {Code::field_value, {k_vllm, with(R"("num_ctas": 18446744073709551615)")}, 1, "a power of two"},
      {Code::field_value,
       {"E=8,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8,block_shape=[96,96].json", clean_text()},
       1,
       "must divide the quantisation block's 96"},
      {Code::clamped_block_k, {k_vllm, field(16, 64, 256, 4, 2, 2)}, 1, "256 runs as 128"},
      {Code::shared_memory, {k_vllm, field(256, 256, 128, 4, 8, 4)}, 1, "262144 bytes"},
      {Code::shared_memory,
       {"E=8,N=512,device_name=NVIDIA_GeForce_RTX_4090.json", field(64, 128, 64, 4, 4, 6)},
       1,
       "sm_89"},
      {Code::int4_cuda, {"E=4096,N=512,device_name=NVIDIA_H200,dtype=int4_w4a16.json", clean_text()}, 1, "CUDA kernel"},
      {Code::default_row,
       {"E=8,N=512,device_name=NVIDIA_H200,dtype=fp8_w8a8.json",
        file_of(plain_row(), "\"3\": {" + row_of(16, 64, 128, 1, 4, 4) + "},")},
       3,
       "vllm 2026-08"},
      {Code::default_row, {k_sglang, field(64, 128, 128, 32, 4, 3)}, 1, "sglang"},
  };
}

}  // namespace

std::string file_of(const std::string& row, const std::string& extra) {
  std::string text = "{" + extra;
  for (int key = 1; key <= 4096; key *= 2) text += fmt::format("\"{}\": {{{}}}{}", key, row, key < 4096 ? ", " : "}");
  return text;
}

std::string clean_text() {
  return file_of(plain_row());
}

std::vector<std::string> clean_paths() {
  return {k_vllm,
          k_sglang,
          k_sglang_down,
          fmt::format("configs/triton_3_6_0/{}", k_sglang),
          "E=8,N=512,device_name=NVIDIA_GeForce_RTX_4090.json",
          "E=8,N=512,device_name=NVIDIA_A100-SXM4-40GB_MIG_3g.20gb,dtype=int8_w8a16.json",
          "configs/triton_3_6_0/E=8,N=512,device_name=NVIDIA_H200_NVL,dtype=int8_w8a8,per_channel_quant=True.json"};
}

std::vector<Example> examples() {
  std::vector<Example> all = name_examples();
  for (auto& more : {key_examples(), row_examples()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace moetune::schema::lint
