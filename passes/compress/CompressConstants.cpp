// This file stores constants in few bits and expands them where they are read.
#include "passes/compress/CompressPasses.h"
#include "passes/compress/Scheme.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace dlc {
#define GEN_PASS_DEF_COMPRESSCONSTANTS
#include "passes/compress/CompressPasses.h.inc"
} // namespace dlc

using namespace mlir;
using dlc::compress::Scheme;
using Emitter = ImplicitLocOpBuilder;

namespace {
/// Code that expanding adds to each load: shifts, a conversion, the load of a scale.
constexpr int64_t kBytesPerLoad = 24;
/// On hosted targets constants below this size stay in a cache anyway.
constexpr int64_t kLeastHosted = 256 << 10;

/// A load of a constant.
struct Access {
  Operation *op;
  /// Where the buffer that is loaded from has its first element in the constant, and its
  /// strides; empty when it is the constant itself.
  std::optional<std::pair<int64_t, SmallVector<int64_t>>> view;

  OperandRange indices() const {
    if (auto load = dyn_cast<memref::LoadOp>(op))
      return load.getIndices();
    if (auto load = dyn_cast<vector::LoadOp>(op))
      return load.getIndices();
    return cast<vector::MaskedLoadOp>(op).getIndices();
  }
  VectorType vector() const { return dyn_cast<VectorType>(op->getResult(0).getType()); }
};

/// Where numbers lie in bytes: those that share one are neighbours along a dimension
/// (Rows), a part of the last dimension away (Parts), or neighbours in memory (Flat).
enum class Order { Rows, Parts, Flat };

/// A constant and all of its loads.
class Constant {
public:
  Constant(memref::GlobalOp global) : global(global), type(global.getType()) {}

  bool addUses(memref::GetGlobalOp get);
  bool isWorthIt(StringRef optimize, dlc::rt::TargetAttr target);
  void compress();

private:
  std::optional<Access> viewOf(Operation *view) const;
  bool chooseOrder();
  int64_t packedBytes() const;
  double rounds(const Access &access) const;
  void createGlobals();
  void expand(const Access &access);
  Value table(Emitter &b, StringRef name, MemRefType type, const Access &access, ArrayRef<Value> at);

  int64_t perByte() const { return 8 / scheme->bits; }

  memref::GlobalOp global;
  MemRefType type;
  SmallVector<Access> accesses;
  SmallVector<Operation *> views; ///< get_global and casts, users first
  std::optional<Scheme> scheme;
  Order order = Order::Flat;
  unsigned dimension = 0; ///< Rows: along which numbers share a byte
  SmallVector<int64_t> packedShape, groups;
  MemRefType packedType, scalesType, lowsType;
  std::string scalesName, lowsName;
};
} // namespace

static int64_t logOf(int64_t n) { return llvm::Log2_64(n); }

static Value index(Emitter &b, int64_t v) { return arith::ConstantIndexOp::create(b, v); }

/// `op(a, v)`, folded.
template <typename Op> static Value with(Emitter &b, Value a, int64_t v) {
  return b.createOrFold<Op>(a, index(b, v));
}

bool Constant::addUses(memref::GetGlobalOp get) {
  views.push_back(get);
  for (Operation *user : get->getUsers()) {
    if (isa<memref::LoadOp, vector::LoadOp, vector::MaskedLoadOp>(user)) {
      accesses.push_back({user, {}});
      continue;
    }
    std::optional<Access> view;
    if (auto cast = dyn_cast<memref::ReinterpretCastOp>(user)) {
      if (!cast.getOffsets().empty() || !cast.getStrides().empty())
        return false;
      view = Access{nullptr, {{cast.getStaticOffsets()[0], SmallVector<int64_t>(cast.getStaticStrides())}}};
    } else if (auto collapse = dyn_cast<memref::CollapseShapeOp>(user)) {
      auto [strides, offset] = collapse.getResultType().getStridesAndOffset();
      view = Access{nullptr, {{0, SmallVector<int64_t>(strides)}}};
    }
    if (!view)
      return false;
    views.insert(views.begin(), user);
    for (Operation *load : user->getUsers()) {
      if (!isa<memref::LoadOp, vector::LoadOp, vector::MaskedLoadOp>(load))
        return false;
      accesses.push_back({load, view->view});
    }
  }
  return true;
}

/// How often a load reads the same element: the rounds of loops that its place does not
/// depend on.
double Constant::rounds(const Access &access) const {
  llvm::DenseSet<Value> moving;
  SmallVector<Value> work(access.indices());
  llvm::DenseSet<Operation *> seen;
  while (!work.empty()) {
    Value v = work.pop_back_val();
    if (isa<BlockArgument>(v)) {
      moving.insert(v);
      continue;
    }
    if (seen.insert(v.getDefiningOp()).second)
      llvm::append_range(work, v.getDefiningOp()->getOperands());
  }
  double result = 1;
  for (auto loop = access.op->getParentOfType<scf::ForOp>(); loop; loop = loop->getParentOfType<scf::ForOp>()) {
    if (moving.contains(loop.getInductionVar()))
      continue;
    auto begin = getConstantIntValue(loop.getLowerBound()), end = getConstantIntValue(loop.getUpperBound());
    auto step = getConstantIntValue(loop.getStep());
    if (begin && end && step && *step > 0)
      result *= llvm::divideCeil(std::max<int64_t>(0, *end - *begin), *step);
  }
  return result;
}

bool Constant::chooseOrder() {
  int64_t rank = type.getRank(), per = perByte();
  ArrayRef<int64_t> shape = type.getShape();
  packedShape.assign(shape.begin(), shape.end());
  bool hasViews = llvm::any_of(accesses, [](const Access &a) { return a.view.has_value(); });
  bool hasVectors = llvm::any_of(accesses, [](const Access &a) { return a.vector() != nullptr; });
  if (hasViews && hasVectors)
    return false;
  if (per == 1 && !hasViews) {
    order = Order::Rows;
    dimension = 0;
    return true;
  }
  auto flat = [&] {
    order = Order::Flat;
    packedShape.assign({int64_t(llvm::divideCeil(type.getNumElements(), per))});
    return !hasVectors;
  };
  if (hasViews || rank == 1)
    return flat();
  // Parts: every load lies in one of them.
  int64_t part = shape.back() / per;
  if (shape.back() % per == 0 && llvm::all_of(accesses, [&](const Access &a) {
        std::optional<int64_t> at = getConstantIntValue(a.indices().back());
        VectorType vector = a.vector();
        int64_t lanes = vector ? vector.getNumElements() : 1;
        return at && (!vector || !vector.isScalable()) && *at % part + lanes <= part;
      })) {
    order = Order::Parts;
    packedShape.back() = part;
    return true;
  }
  // Rows: where the fewest are missing.
  order = Order::Rows;
  double waste = INFINITY;
  for (int64_t d = rank - 2; d >= 0; --d) {
    double w = double(llvm::divideCeil(shape[d], per) * per) / shape[d];
    if (w < waste) {
      waste = w;
      dimension = d;
    }
  }
  packedShape[dimension] = llvm::divideCeil(shape[dimension], per);
  if (waste > 1 && !hasVectors && waste > 1 + double(per) / type.getNumElements())
    return flat();
  return true;
}

int64_t Constant::packedBytes() const { return ShapedType::getNumElements(packedShape); }

bool Constant::isWorthIt(StringRef optimize, dlc::rt::TargetAttr target) {
  auto value = dyn_cast_or_null<DenseElementsAttr>(global.getInitialValue().value_or(Attribute()));
  if (!value || accesses.empty() || !type.getLayout().isIdentity())
    return false;
  int64_t bytes = type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  bool isFirmware = target && !target.getHosted();
  bool isSubByte = type.getElementTypeBitWidth() < 8; // no load has such a type
  if (!isFirmware && optimize != "size" && !isSubByte) {
    double most = 0;
    for (const Access &access : accesses)
      most = std::max(most, rounds(access));
    if (bytes < kLeastHosted || most > 1)
      return false;
  }
  bool hasVectors = llvm::any_of(accesses, [](const Access &a) { return a.vector() != nullptr; });
  scheme = dlc::compress::schemeOf(value, hasVectors);
  if (!scheme || !chooseOrder())
    return false;
  groups = scheme->groups(type.getShape());
  // Places of groups in a view are quotients: not where the core cannot divide.
  bool hasViews = llvm::any_of(accesses, [](const Access &a) { return a.view.has_value(); });
  bool divides = !target || !StringRef(target.getTriple()).starts_with("thumbv6m");
  if (hasViews && ShapedType::getNumElements(groups) > 1 && !divides)
    return false;
  return isSubByte || packedBytes() + scheme->tableBytes() + kBytesPerLoad * int64_t(accesses.size()) < bytes;
}

void Constant::createGlobals() {
  OpBuilder b(global);
  int64_t n = type.getNumElements(), rank = type.getRank(), per = perByte();
  std::vector<int8_t> bytes(packedBytes());
  unsigned mask = (1u << scheme->bits) - 1;
  SmallVector<int64_t> at(rank);
  for (int64_t i = 0; i < n; ++i) {
    int64_t rest = i;
    for (int64_t d = rank - 1; d >= 0; --d) {
      at[d] = rest % type.getDimSize(d);
      rest /= type.getDimSize(d);
    }
    int64_t byte = i / per, place = i % per;
    if (order == Order::Parts) {
      place = at.back() / packedShape.back();
      at.back() %= packedShape.back();
    } else if (order == Order::Rows) {
      place = at[dimension] % per;
      at[dimension] /= per;
    }
    if (order != Order::Flat) {
      byte = 0;
      for (int64_t d = 0; d < rank; ++d)
        byte = byte * packedShape[d] + at[d];
    }
    bytes[byte] |= (scheme->stored(i) & mask) << (place * scheme->bits);
  }
  packedType = MemRefType::get(packedShape, b.getI8Type());
  auto data = DenseElementsAttr::get(RankedTensorType::get(packedShape, b.getI8Type()), ArrayRef<int8_t>(bytes));
  auto module = global->getParentOfType<ModuleOp>();
  auto create = [&](StringRef what, DenseElementsAttr data, std::string &name) {
    auto shaped = cast<ShapedType>(data.getType());
    auto made = MemRefType::get(shaped.getShape(), shaped.getElementType());
    std::string base = (global.getSymName() + what).str();
    name = base;
    for (unsigned i = 1; module.lookupSymbol(name); ++i)
      name = base + "_" + std::to_string(i);
    memref::GlobalOp::create(b, global.getLoc(), name, b.getStringAttr("private"), made, data,
                             /*constant=*/true, /*alignment=*/IntegerAttr());
    return made;
  };
  // Groups without dimensions that all of them share.
  SmallVector<int64_t> shape;
  for (int64_t count : groups)
    if (count > 1)
      shape.push_back(count);
  if (!scheme->scales.empty() && !shape.empty())
    scalesType = create("_scales", DenseElementsAttr::get(RankedTensorType::get(shape, b.getF32Type()),
                                                          ArrayRef<float>(scheme->scales)), scalesName);
  if (!scheme->lows.empty()) {
    bool wide = scheme->hasWideLows();
    SmallVector<int8_t> narrow(scheme->lows.begin(), scheme->lows.end());
    auto made = RankedTensorType::get(shape, b.getIntegerType(wide ? 16 : 8));
    lowsType = create("_lows", wide ? DenseElementsAttr::get(made, ArrayRef<int16_t>(scheme->lows))
                                    : DenseElementsAttr::get(made, ArrayRef<int8_t>(narrow)), lowsName);
  }
  global.setType(packedType);
  global.setInitialValueAttr(data);
}

/// The element of a table for the group of each element that `access` reads, which is
/// element `at` of the constant.
Value Constant::table(Emitter &b, StringRef name, MemRefType tableType, const Access &access,
                      ArrayRef<Value> at) {
  SmallVector<Value> where;
  bool differs = groups.back() > 1; // along the last dimension
  for (auto [d, count] : llvm::enumerate(groups))
    if (count > 1) {
      int64_t block = scheme->block[d];
      Value v = at[d];
      if (block > 1)
        v = llvm::isPowerOf2_64(block) ? with<arith::ShRUIOp>(b, v, logOf(block))
                                       : with<arith::DivUIOp>(b, v, block);
      where.push_back(v);
    }
  Value buffer = memref::GetGlobalOp::create(b, tableType, name);
  VectorType vector = access.vector();
  auto asVector = [&](Type element) { return VectorType::get(vector.getShape(), element, vector.getScalableDims()); };
  if (!vector || !differs) {
    Value scalar = memref::LoadOp::create(b, buffer, where);
    return vector ? vector::BroadcastOp::create(b, asVector(scalar.getType()), scalar).getResult() : scalar;
  }
  VectorType result = asVector(tableType.getElementType());
  if (auto masked = dyn_cast<vector::MaskedLoadOp>(access.op)) {
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(result));
    return vector::MaskedLoadOp::create(b, result, buffer, where, masked.getMask(), zero);
  }
  return vector::LoadOp::create(b, result, buffer, where);
}

void Constant::expand(const Access &access) {
  Emitter b(access.op->getLoc(), access.op);
  int64_t rank = type.getRank(), per = perByte();
  // Where the element lies, and its dimensions where groups need them.
  SmallVector<Value> at(access.indices());
  Value flat;
  if (order == Order::Flat) {
    SmallVector<int64_t> strides;
    int64_t offset = 0;
    if (access.view) {
      offset = access.view->first;
      strides = access.view->second;
    } else {
      strides = type.getStridesAndOffset().first;
    }
    flat = index(b, offset);
    for (auto [i, stride] : llvm::zip_equal(at, strides))
      flat = b.createOrFold<arith::AddIOp>(flat, with<arith::MulIOp>(b, i, stride));
    if (access.view && ShapedType::getNumElements(groups) > 1) {
      at.assign(rank, Value());
      Value rest = flat;
      for (int64_t d = rank - 1; d >= 0; --d) {
        at[d] = d ? with<arith::RemUIOp>(b, rest, type.getDimSize(d)) : rest;
        if (d)
          rest = with<arith::DivUIOp>(b, rest, type.getDimSize(d));
      }
    }
  }
  SmallVector<Value> place = at;
  Value sub; // which number of the byte
  if (order == Order::Flat) {
    place = {per > 1 ? with<arith::ShRUIOp>(b, flat, logOf(per)) : flat};
    sub = flat;
  } else if (order == Order::Parts) {
    int64_t column = *getConstantIntValue(at.back());
    place.back() = index(b, column % packedShape.back());
    sub = index(b, column / packedShape.back());
  } else if (per > 1) {
    sub = at[dimension];
    place[dimension] = with<arith::ShRUIOp>(b, sub, logOf(per));
  }

  Value packed = memref::GetGlobalOp::create(b, packedType, global.getSymName());
  VectorType vector = access.vector();
  auto typeOf = [&](Type element) -> Type {
    return vector ? VectorType::get(vector.getShape(), element, vector.getScalableDims()) : element;
  };
  auto splat = [&](Value scalar) -> Value {
    return vector ? vector::BroadcastOp::create(b, typeOf(scalar.getType()), scalar).getResult() : scalar;
  };
  auto word = [&](int64_t v) -> Value { return arith::ConstantIntOp::create(b, v, 32); };
  Value byte;
  if (!vector) {
    byte = memref::LoadOp::create(b, packed, place);
  } else if (auto masked = dyn_cast<vector::MaskedLoadOp>(access.op)) {
    auto bytes = cast<VectorType>(typeOf(b.getI8Type()));
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(bytes));
    byte = vector::MaskedLoadOp::create(b, bytes, packed, place, masked.getMask(), zero);
  } else {
    byte = vector::LoadOp::create(b, cast<VectorType>(typeOf(b.getI8Type())), packed, place);
  }
  Type words = typeOf(b.getI32Type());
  Value number;
  if (per == 1) {
    number = scheme->isSigned ? arith::ExtSIOp::create(b, words, byte).getResult()
                              : arith::ExtUIOp::create(b, words, byte).getResult();
  } else {
    // Bits from `down` on.
    Value down = with<arith::AndIOp>(b, sub, per - 1);
    down = b.createOrFold<arith::IndexCastOp>(b.getI32Type(), with<arith::MulIOp>(b, down, scheme->bits));
    number = arith::ExtUIOp::create(b, words, byte);
    if (scheme->isSigned) {
      Value up = b.createOrFold<arith::SubIOp>(word(32 - scheme->bits), down);
      number = arith::ShLIOp::create(b, number, splat(up));
      number = arith::ShRSIOp::create(b, number, splat(word(32 - scheme->bits)));
    } else {
      number = arith::ShRUIOp::create(b, number, splat(down));
      number = arith::AndIOp::create(b, number, splat(word((1 << scheme->bits) - 1)));
    }
  }
  if (lowsType) {
    Value low = table(b, lowsName, lowsType, access, at);
    number = arith::AddIOp::create(b, number, arith::ExtSIOp::create(b, words, low));
  } else if (!scheme->isSigned && scheme->low) {
    number = arith::AddIOp::create(b, number, splat(word(scheme->low)));
  }
  Value result;
  if (scheme->scales.empty()) {
    // Most loads are extended at once.
    for (Operation *user : llvm::make_early_inc_range(access.op->getUsers()))
      if (isa<arith::ExtSIOp>(user) && user->getResult(0).getType() == words) {
        user->getResult(0).replaceAllUsesWith(number);
        user->erase();
      }
    if (access.op->use_empty()) {
      access.op->erase();
      return;
    }
    result = arith::TruncIOp::create(b, typeOf(type.getElementType()), number);
  } else {
    Value scale = scalesType ? table(b, scalesName, scalesType, access, at)
                             : splat(arith::ConstantOp::create(b, b.getF32FloatAttr(scheme->scales[0])));
    result = arith::MulFOp::create(b, arith::SIToFPOp::create(b, typeOf(b.getF32Type()), number), scale);
  }
  access.op->getResult(0).replaceAllUsesWith(result);
  access.op->erase();
}

void Constant::compress() {
  createGlobals();
  for (const Access &access : accesses)
    expand(access);
  for (Operation *view : views)
    if (view->use_empty())
      view->erase();
}

namespace {
struct CompressConstants : dlc::impl::CompressConstantsBase<CompressConstants> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    dlc::rt::TargetAttr target = dlc::rt::targetOf(module);
    auto given = module->getAttrOfType<StringAttr>(dlc::rt::kOptimize);
    StringRef optimize = given ? given.getValue() : "speed";
    llvm::StringMap<SmallVector<memref::GetGlobalOp>> uses;
    module.walk([&](memref::GetGlobalOp get) { uses[get.getName()].push_back(get); });
    for (auto global : llvm::make_early_inc_range(module.getOps<memref::GlobalOp>())) {
      if (!global.getConstant() || !global.isPrivate())
        continue;
      Constant constant(global);
      if (!llvm::all_of(uses.lookup(global.getSymName()), [&](auto get) { return constant.addUses(get); }) ||
          !constant.isWorthIt(optimize, target))
        continue;
      constant.compress();
      ++numCompressed;
    }
  }
};
} // namespace
