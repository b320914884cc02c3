#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "schema/lint/subject.hpp"

namespace moetune::schema::lint {
namespace {

using nlohmann::json;

enum class Range { power_of_two, at_least_1, exactly_1, flag, any };

/// What a row may hold: arguments of the kernels, and options of Triton's backends that are given with them.
struct Known {
  std::string_view name;
  Range range = Range::any;
  std::optional<Vendor> vendor = {};        ///< whose compiler alone takes it
  std::optional<EngineFormat> format = {};  ///< which engine alone takes it
};

constexpr std::array k_known = {
    Known{"BLOCK_SIZE_M", Range::power_of_two},
    Known{"BLOCK_SIZE_N", Range::power_of_two},
    Known{"BLOCK_SIZE_K", Range::power_of_two},
    Known{"GROUP_SIZE_M", Range::at_least_1},
    Known{"num_warps", Range::power_of_two},
    Known{"num_stages", Range::at_least_1},
    Known{"num_ctas", Range::power_of_two},
    Known{"SPLIT_K", Range::exactly_1},
    Known{"maxnreg", Range::at_least_1, Vendor::nvidia},
    Known{"waves_per_eu", Range::any, Vendor::amd},
    Known{"matrix_instr_nonkdim", Range::any, Vendor::amd},
    Known{"kpack", Range::any, Vendor::amd},
    Known{"grf_mode", Range::any, Vendor::intel},
    Known{"USE_TMA", Range::flag, std::nullopt, EngineFormat::sglang},
};

std::string shown(const json& value) {
  return value.dump(-1, ' ', true).substr(0, 60);
}

/// What the value should be, where it is not.
std::optional<std::string> refusal(const Known& known, const json& value) {
  if (known.range == Range::any) return std::nullopt;
  if (known.range == Range::flag) {
    return value.is_boolean() ? std::nullopt : std::optional<std::string>("true or false");
  }
  constexpr std::int64_t k_most = 1 << 16;
  const bool integer =
      value.is_number_integer() && !(value.is_number_unsigned() && value.get<std::uint64_t>() > k_most);
  const std::int64_t number = integer ? value.get<std::int64_t>() : 0;
  switch (known.range) {
    case Range::power_of_two:
      if (number >= 1 && std::has_single_bit(static_cast<std::uint64_t>(number))) return std::nullopt;
      return "a power of two";
    case Range::exactly_1:
      return number == 1 ? std::nullopt : std::optional<std::string>("1: the engines launch no other");
    default:
      return number >= 1 ? std::nullopt : std::optional<std::string>("an integer of at least 1");
  }
}

class RowCheck {
 public:
  RowCheck(const Subject& subject, const BatchRow& row, Report& report)
      : subject_(subject), row_(row), report_(report) {}

  void run() {
    for (std::size_t i = 0; i < row_.fields->size(); ++i) {
      if (!is_repeated(i)) check_field((*row_.fields)[i]);
    }
    for (const char* name : {"BLOCK_SIZE_M", "BLOCK_SIZE_N", "BLOCK_SIZE_K", "GROUP_SIZE_M"}) require(name);
    check_block_k();
  }

 private:
  void add(Code code, std::string message) { report_.findings.push_back({code, row_.batch, std::move(message)}); }

  const json* value_of(std::string_view name) const {
    const json* value = nullptr;
    for (const EngineField& field : *row_.fields) {
      if (field.name == name) value = &field.value;
    }
    return value;
  }

  /// True when the field comes again, which then counts in its place.
  bool is_repeated(std::size_t index) {
    const std::string& name = (*row_.fields)[index].name;
    for (std::size_t i = index + 1; i < row_.fields->size(); ++i) {
      if ((*row_.fields)[i].name != name) continue;
      add(Code::duplicate_field, fmt::format("{} appears again: the last one counts", name.substr(0, 60)));
      return true;
    }
    return false;
  }

  void check_field(const EngineField& field) {
    const auto known = std::ranges::find(k_known, field.name, &Known::name);
    if (known == k_known.end()) {
      add(Code::unknown_field,
          fmt::format("neither the kernel nor Triton takes a field \"{}\": leave it out", field.name.substr(0, 60)));
      return;
    }
    if (known->vendor && subject_.vendor != Vendor::unknown && known->vendor != subject_.vendor) {
      add(Code::foreign_field, fmt::format("{} is for {}'s devices, and {} is one of {}'s: leave it out", field.name,
                                           name_of(*known->vendor), subject_.name->device, name_of(subject_.vendor)));
    } else if (known->format && subject_.format && known->format != subject_.format) {
      add(Code::foreign_field, fmt::format("{} is for {}, and the file is one of {}: leave it out", field.name,
                                           name_of(*known->format), name_of(*subject_.format)));
    }
    if (const auto right = refusal(*known, field.value)) {
      add(Code::field_value, fmt::format("{} is {}, it must be {}", field.name, shown(field.value), *right));
    }
  }

  void require(std::string_view name) {
    if (value_of(name) != nullptr) return;
    const bool weights_alone =
        subject_.name && (subject_.name->dtype == Dtype::int4_w4a16 || subject_.name->dtype == Dtype::int8_w8a16);
    // vLLM completes these two for its kernel of weight-only quantisation.
    if (weights_alone && subject_.may_be(EngineFormat::vllm) && name != "BLOCK_SIZE_M" && name != "GROUP_SIZE_M")
      return;
    add(Code::missing_field, fmt::format("{} is missing: the kernel is not launched without it", name));
  }

  /// A tensor core takes 16 elements of 16 bits along the reduction, or 32 of 8; and one tile of a block-quantised
  /// weight has one scale along it.
  void check_block_k() {
    const json* value = value_of("BLOCK_SIZE_K");
    if (value == nullptr || !subject_.name || refusal(k_known[2], *value)) return;
    const bool bytes = subject_.name->dtype == Dtype::fp8_w8a8 || subject_.name->dtype == Dtype::int8_w8a8;
    const std::int64_t least = bytes ? 32 : 16;
    const std::int64_t size = value->get<std::int64_t>();
    if (size < least) {
      add(Code::field_value, fmt::format("BLOCK_SIZE_K is {}, it must be at least {} for this dtype", size, least));
    }
    const auto& shape = subject_.name->block_shape;
    if (!shape || shape->n == 0 || shape->k == 0) return;
    const std::int64_t runs = std::min<std::int64_t>({size, shape->n, shape->k});
    if (shape->k % runs != 0) {
      add(Code::field_value,
          fmt::format("BLOCK_SIZE_K is {}, which runs as {}: it must divide the quantisation block's {}", size, runs,
                      shape->k));
    }
  }

  const Subject& subject_;
  const BatchRow& row_;
  Report& report_;
};

}  // namespace

void check_fields(const Subject& subject, const BatchRow& row, Report& report) {
  RowCheck(subject, row, report).run();
}

}  // namespace moetune::schema::lint
