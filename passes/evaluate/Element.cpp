// This file converts between tensor storage, registers and attributes.
#include "passes/evaluate/Element.h"

#include <cstring>

using namespace mlir;
using namespace dlc::evaluation;
using llvm::APFloat;
using llvm::APInt;

std::optional<Element> dlc::evaluation::elementOf(Type type) {
  Element e;
  if (isa<IndexType>(type)) {
    e.width = 64;
    e.bytes = 8;
    return e;
  }
  if (auto integer = dyn_cast<IntegerType>(type)) {
    if (integer.getWidth() < 1 || integer.getWidth() > 64)
      return std::nullopt;
    e.width = integer.getWidth();
    e.bytes = e.width <= 8 ? 1 : e.width <= 16 ? 2 : e.width <= 32 ? 4 : 8;
    return e;
  }
  auto real = dyn_cast<FloatType>(type);
  if (!real)
    return std::nullopt;
  e.width = real.getWidth();
  e.semantics = &real.getFloatSemantics();
  e.bytes = (e.width + 7) / 8;
  if (real.isF64())
    e.kind = Kind::F64;
  else if (real.isF32())
    e.kind = Kind::F32;
  else if (real.isF16())
    e.kind = Kind::F16;
  else if (real.isBF16())
    e.kind = Kind::BF16;
  else if (e.width <= 8)
    e.kind = Kind::Tiny;
  else
    return std::nullopt; // tf32, f80, f128
  return e;
}

/// Rounds a double to an IEEE format of at most 16 bits, once.
template <int mantissaBits, int exponentBits>
static uint16_t encode16(double value) {
  constexpr int bias = (1 << (exponentBits - 1)) - 1;
  constexpr uint64_t infinity = ((uint64_t(1) << exponentBits) - 1)
                                << mantissaBits;
  uint64_t bits = std::bit_cast<uint64_t>(value);
  uint64_t sign = (bits >> 63) << 15;
  int exponent = (bits >> 52) & 0x7ff;
  uint64_t fraction = bits & maskOf(52);
  if (exponent == 0x7ff) {
    if (fraction == 0)
      return sign | infinity;
    return sign | infinity | (uint64_t(1) << (mantissaBits - 1)) |
           (fraction >> (52 - mantissaBits));
  }
  int e = exponent - 1023 + bias;
  uint64_t significand = fraction | (exponent ? uint64_t(1) << 52 : 0);
  int shift = 52 - mantissaBits;
  if (e <= 0)
    shift += 1 - e;
  if (shift > 60)
    return sign;
  uint64_t quotient = significand >> shift;
  uint64_t rest = significand & maskOf(shift);
  uint64_t half = uint64_t(1) << (shift - 1);
  if (rest > half || (rest == half && (quotient & 1)))
    ++quotient;
  // A carry out of the fraction lands in the exponent, as it should.
  uint64_t result =
      e > 0 ? (uint64_t(e - 1) << mantissaBits) + quotient : quotient;
  return sign | std::min(result, infinity);
}

static float decodeHalf(uint16_t h) {
  uint32_t sign = uint32_t(h & 0x8000) << 16;
  uint32_t exponent = (h >> 10) & 31, fraction = h & 0x3ff;
  if (exponent == 31)
    return std::bit_cast<float>(sign | 0x7f800000 | (fraction << 13));
  if (exponent == 0) {
    float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) |
                              (fraction << 13));
}

uint64_t dlc::evaluation::encodeSmall(const Element &element, double value) {
  if (element.kind == Kind::F16)
    return encode16<10, 5>(value);
  if (element.kind == Kind::BF16)
    return encode16<7, 8>(value);
  APFloat f(value);
  bool lost;
  f.convert(*element.semantics, APFloat::rmNearestTiesToEven, &lost);
  return f.bitcastToAPInt().getZExtValue();
}

float dlc::evaluation::decodeSmall(const Element &element, uint64_t bits) {
  if (element.kind == Kind::F16)
    return decodeHalf(bits);
  if (element.kind == Kind::BF16)
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  APFloat f(*element.semantics, APInt(element.width, bits, false, true));
  bool lost;
  f.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
  return f.convertToFloat();
}

template <typename T>
static void loadAs(const char *data, const int64_t *at, int64_t base, Slot *out,
                   unsigned n) {
  for (unsigned i = 0; i < n; ++i) {
    T value;
    std::memcpy(&value, data + (at[i] + base) * int64_t(sizeof(T)), sizeof(T));
    out[i] = value;
  }
}

void dlc::evaluation::load(const Element &element, const char *data,
                           const int64_t *at, int64_t base, Slot *out,
                           unsigned n) {
  switch (element.bytes) {
  case 1: loadAs<uint8_t>(data, at, base, out, n); break;
  case 2: loadAs<uint16_t>(data, at, base, out, n); break;
  case 4: loadAs<uint32_t>(data, at, base, out, n); break;
  default: loadAs<uint64_t>(data, at, base, out, n); break;
  }
  if (element.isSmall())
    for (unsigned i = 0; i < n; ++i)
      out[i] = slotOf(decodeSmall(element, out[i]));
}

template <typename T>
static void storeAs(char *data, const int64_t *at, int64_t base, const Slot *in,
                    unsigned n) {
  for (unsigned i = 0; i < n; ++i) {
    T value = static_cast<T>(in[i]);
    std::memcpy(data + (at[i] + base) * int64_t(sizeof(T)), &value, sizeof(T));
  }
}

void dlc::evaluation::store(const Element &element, char *data,
                            const int64_t *at, int64_t base, const Slot *in,
                            unsigned n) {
  if (element.isSmall()) {
    for (unsigned i = 0; i < n; ++i) {
      Slot bits = encodeSmall(element, asFloat(in[i]));
      if (element.bytes == 1)
        storeAs<uint8_t>(data, at + i, base, &bits, 1);
      else
        storeAs<uint16_t>(data, at + i, base, &bits, 1);
    }
    return;
  }
  switch (element.bytes) {
  case 1: storeAs<uint8_t>(data, at, base, in, n); break;
  case 2: storeAs<uint16_t>(data, at, base, in, n); break;
  case 4: storeAs<uint32_t>(data, at, base, in, n); break;
  default: storeAs<uint64_t>(data, at, base, in, n); break;
  }
}

std::optional<Slot> dlc::evaluation::slotOf(Attribute attr) {
  if (auto integer = dyn_cast<IntegerAttr>(attr)) {
    if (!elementOf(integer.getType()))
      return std::nullopt;
    return integer.getValue().getZExtValue();
  }
  if (auto real = dyn_cast<FloatAttr>(attr)) {
    std::optional<Element> e = elementOf(real.getType());
    if (!e)
      return std::nullopt;
    uint64_t bits = real.getValue().bitcastToAPInt().getZExtValue();
    return e->isSmall() ? slotOf(decodeSmall(*e, bits)) : bits;
  }
  return std::nullopt;
}

TypedAttr dlc::evaluation::attrOf(Slot slot, Type type) {
  Element e = *elementOf(type);
  if (e.isInt())
    return IntegerAttr::get(type, APInt(e.width, slot, false, true));
  uint64_t bits = e.isSmall() ? encodeSmall(e, asFloat(slot)) : slot;
  return FloatAttr::get(
      type, APFloat(*e.semantics, APInt(e.width, bits, false, true)));
}
