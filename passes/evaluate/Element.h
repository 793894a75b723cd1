// Element types of the evaluator: how they are stored in tensors and held in
// registers.
#pragma once

#include "llvm/ADT/APFloat.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <bit>
#include <optional>

namespace dlc::evaluation {

/// A register: an integer zero-extended from its width, the bits of a double,
/// or (f32 and all smaller float types, which it contains exactly) of a float
/// in the low half.
using Slot = uint64_t;

inline float asFloat(Slot s) { return std::bit_cast<float>(static_cast<uint32_t>(s)); }
inline double asDouble(Slot s) { return std::bit_cast<double>(s); }
inline Slot slotOf(float f) { return std::bit_cast<uint32_t>(f); }
inline Slot slotOf(double d) { return std::bit_cast<uint64_t>(d); }

enum class Kind : uint8_t { Int, F64, F32, F16, BF16, Tiny };

struct Element {
  Kind kind = Kind::Int;
  uint8_t width = 0; ///< bits
  uint8_t bytes = 0; ///< of one element of a tensor: 1, 2, 4 or 8
  const llvm::fltSemantics *semantics = nullptr; ///< of float types

  bool isInt() const { return kind == Kind::Int; }
  bool isF64() const { return kind == Kind::F64; }
  /// Float types that are computed in f32 and rounded.
  bool isSmall() const { return kind >= Kind::F16; }
  bool operator==(const Element &) const = default;
};

/// The element of an integer, index or float type of at most 64 bits.
std::optional<Element> elementOf(mlir::Type type);

inline uint64_t maskOf(unsigned width) {
  return width >= 64 ? ~uint64_t(0) : (uint64_t(1) << width) - 1;
}
inline int64_t signExtend(Slot s, unsigned width) {
  return static_cast<int64_t>(s << (64 - width)) >> (64 - width);
}

/// Stored bits of a small float type, rounded to nearest even; and back.
uint64_t encodeSmall(const Element &element, double value);
float decodeSmall(const Element &element, uint64_t bits);
/// `value` rounded to the type.
inline float roundSmall(const Element &element, double value) {
  return decodeSmall(element, encodeSmall(element, value));
}

/// Moves n elements at element offsets `at` (plus `base`) of a tensor's data
/// into registers, or back.
void load(const Element &element, const char *data, const int64_t *at,
          int64_t base, Slot *out, unsigned n);
void store(const Element &element, char *data, const int64_t *at, int64_t base,
           const Slot *in, unsigned n);

/// A register from a scalar attribute, and back.
std::optional<Slot> slotOf(mlir::Attribute attr);
mlir::TypedAttr attrOf(Slot slot, mlir::Type type);

} // namespace dlc::evaluation
