// This file gives access to the elements of host tensors of every ONNX type.
#include "compiler/run/Tensor.h"

#include "compiler/onnx/Types.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <cstring>

using namespace llvm;
using namespace dlc::run;
namespace import = dlc::import;

int64_t Tensor::elements() const {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= dim;
  return count;
}

std::optional<uint64_t> dlc::run::tensorBytes(int dtype, ArrayRef<int64_t> dims) {
  uint64_t bits = import::dataTypeBits(dtype);
  if (bits == 0)
    return std::nullopt;
  std::optional<int64_t> count = import::elementCount(dims);
  if (!count || static_cast<uint64_t>(*count) > UINT64_MAX / 256)
    return std::nullopt;
  return (*count * bits + 7) / 8;
}

Kind dlc::run::kindOf(int dtype) {
  switch (dtype) {
  case import::kInt8:
  case import::kInt16:
  case import::kInt32:
  case import::kInt64:
  case import::kInt4:
  case import::kInt2:
    return Kind::Signed;
  case import::kUint8:
  case import::kUint16:
  case import::kUint32:
  case import::kUint64:
  case import::kUint4:
  case import::kUint2:
  case import::kBool:
    return Kind::Unsigned;
  case import::kComplex64:
  case import::kComplex128:
    return Kind::Complex;
  default:
    return Kind::Float;
  }
}

/// The bits of an element; `part` counts in halves of a complex element.
static uint64_t bitsAt(const Tensor &tensor, int64_t index, unsigned bits) {
  uint64_t value = 0;
  if (bits < 8) {
    uint64_t bit = static_cast<uint64_t>(index) * bits;
    uint8_t byte = static_cast<uint8_t>(tensor.data[bit / 8]);
    return (byte >> (bit % 8)) & ((1u << bits) - 1);
  }
  std::memcpy(&value, tensor.data.data() + index * (bits / 8), bits / 8);
  return value;
}

static const fltSemantics *smallFloat(int dtype) {
  switch (dtype) {
  case import::kFloat16:
    return &APFloat::IEEEhalf();
  case import::kBfloat16:
    return &APFloat::BFloat();
  case import::kFloat8E4M3FN:
    return &APFloat::Float8E4M3FN();
  case import::kFloat8E4M3FNUZ:
    return &APFloat::Float8E4M3FNUZ();
  case import::kFloat8E5M2:
    return &APFloat::Float8E5M2();
  case import::kFloat8E5M2FNUZ:
    return &APFloat::Float8E5M2FNUZ();
  case import::kFloat4E2M1:
    return &APFloat::Float4E2M1FN();
  case import::kFloat8E8M0:
    return &APFloat::Float8E8M0FNU();
  default:
    return nullptr;
  }
}

double dlc::run::floatAt(const Tensor &tensor, int64_t index, int part) {
  unsigned bits = import::dataTypeBits(tensor.dtype);
  if (kindOf(tensor.dtype) == Kind::Complex) {
    bits /= 2;
    index = index * 2 + part;
  }
  uint64_t value = bitsAt(tensor, index, bits);
  if (const fltSemantics *semantics = smallFloat(tensor.dtype)) {
    APFloat number(*semantics, APInt(bits, value));
    bool inexact;
    number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &inexact);
    return number.convertToDouble();
  }
  if (bits == 32) {
    float number;
    uint32_t low = static_cast<uint32_t>(value);
    std::memcpy(&number, &low, sizeof number);
    return number;
  }
  double number;
  std::memcpy(&number, &value, sizeof number);
  return number;
}

int64_t dlc::run::signedAt(const Tensor &tensor, int64_t index) {
  unsigned bits = import::dataTypeBits(tensor.dtype);
  return SignExtend64(bitsAt(tensor, index, bits), bits);
}

uint64_t dlc::run::unsignedAt(const Tensor &tensor, int64_t index) {
  return bitsAt(tensor, index, import::dataTypeBits(tensor.dtype));
}

static std::string floatText(double value) {
  // Nine digits tell any two floats apart.
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

std::string dlc::run::textAt(const Tensor &tensor, int64_t index) {
  switch (kindOf(tensor.dtype)) {
  case Kind::Signed:
    return std::to_string(signedAt(tensor, index));
  case Kind::Unsigned:
    if (tensor.dtype == import::kBool && unsignedAt(tensor, index) < 2)
      return unsignedAt(tensor, index) ? "true" : "false";
    return std::to_string(unsignedAt(tensor, index));
  case Kind::Float:
    return floatText(floatAt(tensor, index));
  case Kind::Complex:
    return "(" + floatText(floatAt(tensor, index)) + "," + floatText(floatAt(tensor, index, 1)) + ")";
  }
  return "";
}

std::string dlc::run::positionText(ArrayRef<int64_t> dims, int64_t index) {
  std::string text = "]";
  for (size_t d = dims.size(); d-- > 0;) {
    int64_t dim = std::max<int64_t>(dims[d], 1);
    text = std::to_string(index % dim) + text;
    if (d)
      text = "," + text;
    index /= dim;
  }
  return "[" + text;
}

/// SplitMix64: a small generator with well spread bits.
static uint64_t next(uint64_t &state) {
  uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

void dlc::run::fillRandom(Tensor &tensor, uint64_t seed) {
  unsigned bits = import::dataTypeBits(tensor.dtype);
  Kind kind = kindOf(tensor.dtype);
  if (kind == Kind::Complex)
    bits /= 2;
  tensor.data.assign(*tensorBytes(tensor.dtype, tensor.dims), 0);
  if (bits < 8) { // every pattern is a number
    for (char &byte : tensor.data)
      byte = static_cast<char>(next(seed));
    return;
  }
  for (size_t at = 0; at + bits / 8 <= tensor.data.size(); at += bits / 8) {
    uint64_t random = next(seed), value;
    double unit = static_cast<double>(random >> 11) / 4503599627370496.0 - 1.0;
    if (tensor.dtype == import::kBool) {
      value = random & 1;
    } else if (kind == Kind::Signed) {
      value = static_cast<uint64_t>(static_cast<int64_t>(random % 256) - 128);
    } else if (kind == Kind::Unsigned) {
      value = random % 256;
    } else if (const fltSemantics *semantics = smallFloat(tensor.dtype)) {
      APFloat number(unit);
      bool inexact;
      number.convert(*semantics, APFloat::rmNearestTiesToEven, &inexact);
      value = number.bitcastToAPInt().getZExtValue();
    } else if (bits == 32) {
      float number = static_cast<float>(unit);
      uint32_t low;
      std::memcpy(&low, &number, sizeof low);
      value = low;
    } else {
      std::memcpy(&value, &unit, sizeof value);
    }
    std::memcpy(tensor.data.data() + at, &value, bits / 8);
  }
}
