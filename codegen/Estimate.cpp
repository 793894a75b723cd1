// This file estimates instructions of layers.
#include "codegen/Estimate.h"

#include "dialects/ArmDSP/ArmDSP.h"
#include "dialects/ArmDSP/Schedule.h"
#include "dialects/ArmMVE/ArmMVE.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;

namespace {
/// A floating-point operation that is a call into the compiler's library.
constexpr uint64_t kSoftFloat = 40;
/// Instructions of a loop's body below which it is unrolled.
constexpr uint64_t kShortLoop = 12;
/// Rounds of a loop whose end is not known.
constexpr uint64_t kUnknownRounds = 8;

class Estimate {
public:
  explicit Estimate(dlc::rt::TargetAttr target) : target(target) {}

  uint64_t ofRegion(Region &region) {
    uint64_t sum = 0;
    for (Block &block : region)
      for (Operation &op : block)
        sum = llvm::SaturatingAdd(sum, of(&op));
    return sum;
  }

private:
  uint64_t of(Operation *op) {
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      // The round in the middle stands for all.
      uint64_t count = rounds(loop);
      auto begin = numberOf(loop.getLowerBound()), step = numberOf(loop.getStep());
      if (begin && step)
        numbers[loop.getInductionVar()] = *begin + static_cast<int64_t>(count / 2) * *step;
      else
        numbers.erase(loop.getInductionVar());
      // LLVM unrolls short loops.
      uint64_t body = ofRegion(loop.getRegion());
      return llvm::SaturatingMultiply(count, body + (body < kShortLoop ? 1 : 2));
    }
    if (auto loop = dyn_cast<scf::WhileOp>(op))
      return kUnknownRounds * (ofRegion(loop.getBefore()) + ofRegion(loop.getAfter()) + 1);
    if (auto branch = dyn_cast<scf::IfOp>(op))
      if (auto condition = numberOf(branch.getCondition()))
        return 1 + ofRegion(*condition ? branch.getThenRegion() : branch.getElseRegion());
    if (op->getNumRegions()) {
      // One of them runs.
      uint64_t most = 0;
      for (Region &region : op->getRegions())
        most = std::max(most, ofRegion(region));
      return most + 1;
    }
    if (auto call = dyn_cast<func::CallOp>(op)) {
      auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, call.getCalleeAttr());
      if (!callee || callee.isExternal() || depth++ >= 8)
        return 4;
      // Sizes are arguments where layers share a function.
      for (auto [argument, operand] : llvm::zip_equal(callee.getArguments(), call.getOperands()))
        if (auto number = numberOf(operand))
          numbers[argument] = *number;
        else
          numbers.erase(argument);
      return 4 + call.getNumOperands() + ofRegion(callee.getBody());
    }
    if (auto dot = dyn_cast<dlc::arm_dsp::DotOp>(op)) {
      int64_t rows = dot.getRows(), pixels = dot.getPixels(), groups = dot.getGroups();
      if (dot.getCount())
        groups = numberOf(dot.getCount()).value_or(kUnknownRounds);
      int64_t inputs = dot.expands() ? 3 : 2 * pixels;
      if (dot->hasAttr(dlc::arm_dsp::kNibbles))
        return 10 + std::max<int64_t>(groups, 0) * (8 * rows + 4 * rows * pixels + 2 * inputs);
      return 10 + std::max<int64_t>(groups, 0) * (3 * rows + 2 * rows * pixels + inputs);
    }
    if (auto dot = dyn_cast<dlc::arm_mve::DotOp>(op)) {
      int64_t rows = dot.getRows(), channels = dot.getChannels(), runs = dot.getRuns(), passes = dot.getPasses();
      int64_t vectors = runs * dot.getVectors() + (dot.getRest() ? 1 : 0);
      int64_t rounds = vectors <= int64_t(dot.getStraight()) ? 0 : passes * (runs * 3 + vectors / 4);
      return vectors * (rows * channels + channels + passes * rows) + 2 * rows * channels + passes * 6 + rounds;
    }
    if (op->hasTrait<OpTrait::IsTerminator>() || op->hasTrait<OpTrait::ConstantLike>() ||
        isa<ViewLikeOpInterface, memref::GetGlobalOp, memref::DimOp, memref::AllocaOp,
            vector::BroadcastOp, vector::ExtractOp, vector::InsertOp>(op))
      return 0;
    if (auto copy = dyn_cast<memref::CopyOp>(op)) {
      auto type = cast<MemRefType>(copy.getTarget().getType());
      return type.hasStaticShape() ? type.getNumElements() / 2 + 10 : 10;
    }
    // Part of a load or of a multiplication with accumulation.
    if (isa<arith::ExtSIOp, arith::ExtUIOp>(op) && op->getOperand(0).getDefiningOp<memref::LoadOp>())
      return 0;
    if (isa<arith::MulIOp>(op) && op->hasOneUse() && isa<arith::AddIOp>(*op->user_begin()))
      return 0;
    if (target.getDsp() && isPartOfDsp(op))
      return 0;
    Type type = op->getNumResults() ? op->getResult(0).getType() : Type();
    if (!type) // a store
      for (Value operand : op->getOperands())
        if (!isa<MemRefType, IndexType>(operand.getType()))
          type = operand.getType();
    if (!type || type.isIndex())
      return 0; // addressing
    bool isMemory = isa<memref::LoadOp, memref::StoreOp, vector::LoadOp, vector::StoreOp,
                        vector::MaskedLoadOp, vector::MaskedStoreOp>(op);
    return registers(type) * (isMemory ? 1 : work(op, type));
  }

  /// Scalar arithmetic that another instruction does as well: SMMLA adds, SSAT shifts and has
  /// both bounds, PKHBT and PKHTB take halves of two registers.
  static bool isPartOfDsp(Operation *op) {
    if (op->getNumResults() != 1 || !op->getResult(0).getType().isSignlessInteger() || !op->hasOneUse())
      return false;
    Operation *user = *op->user_begin();
    if (isa<arith::TruncIOp>(op))
      return isa<memref::StoreOp>(user);
    if (isa<arith::MaxSIOp>(op))
      return isa<arith::MinSIOp>(user);
    if (isa<arith::ShRSIOp>(op))
      return isa<arith::MaxSIOp>(user);
    if (isa<arith::AddIOp>(op))
      return op->getOperand(0).getDefiningOp<arith::MulSIExtendedOp>() != nullptr;
    return isa<arith::AndIOp, arith::ShLIOp, arith::ShRUIOp>(op) && isa<arith::OrIOp>(user);
  }

  /// Registers that a value of `type` takes.
  uint64_t registers(Type type) {
    if (auto vector = dyn_cast<VectorType>(type)) {
      uint64_t bits = std::max<uint64_t>(vector.getElementType().isIntOrFloat() ? vector.getElementTypeBitWidth() : 32, 8) *
                      vector.getNumElements();
      return target.getVectorBits() ? llvm::divideCeil(bits, target.getVectorBits()) : vector.getNumElements();
    }
    return type.isIntOrFloat() ? llvm::divideCeil(type.getIntOrFloatBitWidth(), target.getIndexBits() == 64 ? 64 : 32) : 1;
  }

  /// Instructions for one register's worth of arithmetic.
  uint64_t work(Operation *op, Type type) {
    Type element = getElementTypeOrSelf(type);
    Type operand = op->getNumOperands() ? getElementTypeOrSelf(op->getOperand(0).getType()) : element;
    bool wide = element.isF64() || operand.isF64();
    bool isFloat = isa<FloatType>(element) || isa<FloatType>(operand);
    if (isFloat && !isa<arith::SelectOp>(op) && !(wide ? target.getFpuF64() : target.getFpuF32()))
      return kSoftFloat;
    if (isa<arith::DivSIOp, arith::DivUIOp, arith::DivFOp, math::SqrtOp>(op))
      return 4;
    return 1;
  }

  /// A number that is known, here or from the call.
  std::optional<int64_t> numberOf(Value v, unsigned deep = 0) {
    if (auto constant = getConstantIntValue(v))
      return constant;
    if (auto found = numbers.find(v); found != numbers.end())
      return found->second;
    Operation *op = v.getDefiningOp();
    if (!op || deep > 8)
      return std::nullopt;
    if (auto select = dyn_cast<arith::SelectOp>(op)) {
      auto condition = numberOf(select.getCondition(), deep + 1);
      return condition ? numberOf(*condition ? select.getTrueValue() : select.getFalseValue(), deep + 1)
                       : std::nullopt;
    }
    if (op->getNumOperands() != 2)
      return std::nullopt;
    auto a = numberOf(op->getOperand(0), deep + 1), b = numberOf(op->getOperand(1), deep + 1);
    if (!a || !b)
      return std::nullopt;
    if (auto compare = dyn_cast<arith::CmpIOp>(op))
      return arith::applyCmpPredicate(compare.getPredicate(), llvm::APInt(64, *a, true), llvm::APInt(64, *b, true));
    if (isa<arith::AddIOp>(op))
      return *a + *b;
    if (isa<arith::SubIOp>(op))
      return *a - *b;
    if (isa<arith::MulIOp>(op))
      return *a * *b;
    if (isa<arith::AndIOp>(op))
      return *a & *b;
    if (isa<arith::MaxSIOp>(op))
      return std::max(*a, *b);
    if (isa<arith::MinSIOp>(op))
      return std::min(*a, *b);
    if (*a < 0 || *b <= 0)
      return std::nullopt;
    if (isa<arith::DivUIOp, arith::DivSIOp>(op))
      return *a / *b;
    if (isa<arith::RemUIOp, arith::RemSIOp>(op))
      return *a % *b;
    if (isa<arith::ShRUIOp, arith::ShRSIOp>(op) && *b < 63)
      return *a >> *b;
    return std::nullopt;
  }

  uint64_t rounds(scf::ForOp loop) {
    auto begin = numberOf(loop.getLowerBound()), end = numberOf(loop.getUpperBound()),
         step = numberOf(loop.getStep());
    if (!end && begin && step && *step > 0)
      if (auto least = loop.getUpperBound().getDefiningOp<arith::MinSIOp>())
        end = getConstantIntValue(least.getRhs());
    if (!begin || !end || !step || *step <= 0)
      return kUnknownRounds;
    return *end > *begin ? llvm::divideCeil(*end - *begin, *step) : 0;
  }

  dlc::rt::TargetAttr target;
  unsigned depth = 0;
  llvm::DenseMap<Value, int64_t> numbers; ///< arguments of functions that layers share, counters of loops
};
} // namespace

uint64_t dlc::codegen::estimateInstructions(func::FuncOp function, rt::TargetAttr target) {
  // Entry, exit and a few saved registers.
  return 8 + Estimate(target).ofRegion(function.getBody());
}
