// This file compares tensors with the semantics of numpy.allclose.
#include "compiler/run/Compare.h"

#include "compiler/onnx/Messages.h"
#include "compiler/onnx/Types.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace llvm;
using namespace dlc::run;
namespace import = dlc::import;

std::pair<double, double> dlc::run::defaultTolerance(int dtype) {
  switch (dtype) {
  case import::kFloat16:
    return {2e-3, 1e-3};
  case import::kBfloat16:
    return {1.6e-2, 1e-2};
  case import::kFloat8E4M3FN:
  case import::kFloat8E4M3FNUZ:
  case import::kFloat8E5M2:
  case import::kFloat8E5M2FNUZ:
  case import::kFloat4E2M1:
  case import::kFloat8E8M0:
    return {0, 0};
  default:
    return {1e-3, 1e-7};
  }
}

static bool close(double found, double expected, double rtol, double atol) {
  if (std::isnan(found) || std::isnan(expected))
    return std::isnan(found) && std::isnan(expected);
  if (std::isinf(found) || std::isinf(expected))
    return found == expected;
  return std::fabs(found - expected) <= atol + rtol * std::fabs(expected);
}

/// `steps` is how far integers may lie apart.
static bool equalAt(const Tensor &found, const Tensor &expected, int64_t i, double rtol, double atol,
                    double steps) {
  auto near = [&](auto a, auto b) {
    return a == b || static_cast<double>(a > b ? static_cast<uint64_t>(a) - static_cast<uint64_t>(b)
                                               : static_cast<uint64_t>(b) - static_cast<uint64_t>(a)) <= steps;
  };
  switch (kindOf(found.dtype)) {
  case Kind::Signed:
    return near(signedAt(found, i), signedAt(expected, i));
  case Kind::Unsigned:
    return near(unsignedAt(found, i), unsignedAt(expected, i));
  case Kind::Float:
    return close(floatAt(found, i), floatAt(expected, i), rtol, atol);
  case Kind::Complex: {
    double re = floatAt(expected, i), im = floatAt(expected, i, 1);
    if (!std::isfinite(re) || !std::isfinite(im))
      return close(floatAt(found, i), re, rtol, atol) && close(floatAt(found, i, 1), im, rtol, atol);
    return std::hypot(floatAt(found, i) - re, floatAt(found, i, 1) - im) <= atol + rtol * std::hypot(re, im);
  }
  }
  return false;
}

static std::string shortText(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

std::string dlc::run::compareTensors(const Tensor &found, const Tensor &expected, const Tolerance &tolerance) {
  std::string what = "output " + import::quote(found.name) + ": ";
  if (found.dtype != expected.dtype)
    return what + "found type " + import::dataTypeName(found.dtype) + ", expected " +
           import::dataTypeName(expected.dtype);
  if (found.dims != expected.dims)
    return what + "found shape " + import::shapeText(found.dims) + ", expected " + import::shapeText(expected.dims);
  if (found.data.size() != expected.data.size())
    return what + formatv("found {0} bytes, expected {1}", found.data.size(), expected.data.size()).str();
  auto [rtol, atol] = defaultTolerance(found.dtype);
  rtol = tolerance.rtol.value_or(rtol);
  atol = tolerance.atol.value_or(atol);
  double steps = found.dtype == import::kBool ? 0 : tolerance.atol.value_or(0);
  int64_t count = found.elements(), wrong = 0, first = -1;
  for (int64_t i = 0; i < count; i++)
    if (!equalAt(found, expected, i, rtol, atol, steps) && wrong++ == 0)
      first = i;
  if (!wrong)
    return "";
  std::string text = formatv("at {0} found {1}, expected {2}", positionText(found.dims, first),
                             textAt(found, first), textAt(expected, first))
                         .str();
  if (Kind kind = kindOf(found.dtype); kind == Kind::Float || kind == Kind::Complex)
    text += " (rtol " + shortText(rtol) + ", atol " + shortText(atol) + ")";
  if (count > 1)
    text += formatv("; {0} of {1} elements differ", wrong, count).str();
  if (tolerance.atol)
    if (std::string same = countIdentical(found, expected).text(); !same.empty())
      text += "; " + same;
  return what + text;
}

Identical dlc::run::countIdentical(const Tensor &found, const Tensor &expected) {
  Identical result;
  Kind kind = kindOf(found.dtype);
  if (found.dtype != expected.dtype || found.dims != expected.dims)
    return result;
  result.integers = kind == Kind::Signed || kind == Kind::Unsigned;
  result.all = found.elements();
  for (int64_t i = 0; i < result.all; i++) {
    if (equalAt(found, expected, i, 0, 0, 0)) {
      result.same++;
      continue;
    }
    double difference = 0;
    if (kind == Kind::Signed)
      difference = static_cast<double>(signedAt(found, i)) - static_cast<double>(signedAt(expected, i));
    else if (kind == Kind::Unsigned)
      difference = static_cast<double>(unsignedAt(found, i)) - static_cast<double>(unsignedAt(expected, i));
    else
      difference = std::hypot(floatAt(found, i) - floatAt(expected, i),
                              kind == Kind::Complex ? floatAt(found, i, 1) - floatAt(expected, i, 1) : 0);
    // JSON, where this goes, knows neither NaN nor infinity.
    result.largest = std::isfinite(difference) ? std::max(result.largest, std::fabs(difference))
                                               : std::numeric_limits<double>::max();
  }
  return result;
}

Identical &Identical::operator+=(const Identical &other) {
  same += other.same;
  all += other.all;
  largest = std::max(largest, other.largest);
  integers &= other.integers;
  return *this;
}

std::string Identical::text() const {
  if (same == all || !integers)
    return "";
  return formatv("{0} of {1} integers identical ({2:f2} %), largest difference {3}", same, all, 100.0 * same / all,
                 shortText(largest))
      .str();
}
