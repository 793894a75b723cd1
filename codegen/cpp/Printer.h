// The state of the C++ printer: names, expressions that wait for their use, helpers.
#pragma once

#include "codegen/ModelInfo.h"
#include "dialects/RT/RT.h"
#include "mlir/Analysis/DataFlowFramework.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

#include <map>
#include <set>

namespace dlc::cpp {

/// Precedence of the outermost operator of an expression, weakest first.
enum class Prec {
  Conditional,
  LogicalOr,
  LogicalAnd,
  BitOr,
  BitXor,
  BitAnd,
  Equality,
  Relational,
  Shift,
  Additive,
  Multiplicative,
  Unary,
  Postfix,
  Primary
};

/// C++ text that computes a value. The C value of an integer equals the value
/// in the IR read as signed (i1: bool), whatever its C type, unless `wraps` is
/// set: then it has type uintN_t and equals it modulo 2^N.
struct Expr {
  std::string text;
  Prec prec = Prec::Primary;
  unsigned bits = 0;   ///< width of the C type of an integer
  bool wraps = false;  ///< in unsigned arithmetic, see above
  bool literal = false;
  bool readsMemory = false;
};

/// A size, stride or offset: a number, or the text of an expression.
struct Dim {
  int64_t value = 0;
  std::string text; ///< of Postfix precedence or a plain name; empty when constant
  bool isConstant() const { return text.empty(); }
};

/// A buffer: pointer to its first element, with sizes and strides in elements.
struct Buffer {
  Expr pointer;
  llvm::SmallVector<std::string> terms; ///< offsets to add to `pointer`
  int64_t offset = 0;                   ///< constant part of the offset
  llvm::SmallVector<Dim> sizes, strides;
};

class Printer {
public:
  Printer(mlir::ModuleOp module, llvm::raw_ostream &os, bool profile, std::string *weights);
  mlir::LogicalResult print();

private:
  // --- Module.cpp: everything around the function bodies.
  mlir::LogicalResult collect();
  mlir::LogicalResult moveWeights();
  mlir::LogicalResult printGlobal(mlir::memref::GlobalOp op);
  mlir::LogicalResult printFunction(mlir::func::FuncOp fn);
  void printLayerComment(mlir::func::FuncOp fn);
  void printFileHeader();
  mlir::LogicalResult printEntry(mlir::func::FuncOp fn);
  void printModel();
  /// Whether the caller guarantees that no other argument overlaps `index`.
  bool isRestrict(mlir::func::FuncOp fn, unsigned index);

  // --- Prelude.cpp: types and helpers that the bodies asked for.
  void printPrelude();
  void printVectorHelpers(char kind, unsigned bits, int64_t lanes);

  // --- Printer.cpp: names, expressions, statements.
  mlir::LogicalResult printBlock(mlir::Block &block);
  mlir::LogicalResult printOp(mlir::Operation &op);
  std::string unique(llvm::StringRef prefix);
  std::string numbered(llvm::StringRef prefix);
  std::string prefixFor(mlir::Type type);
  /// Starts a line with the indentation of the block.
  llvm::raw_ostream &line();
  /// The expression of `v`; what waited for this use is consumed.
  Expr expr(mlir::Value v);
  /// The same as signed or boolean C value (not `wraps`).
  Expr value(mlir::Value v);
  /// The same as a name or literal that can be written twice.
  Expr simple(mlir::Value v);
  std::string text(mlir::Value v, Prec atLeast = Prec::Conditional);
  /// Gives `result` its expression: waits for its only use or becomes a variable.
  void define(mlir::Value result, Expr e);
  /// Turns `e` into a variable of the type of `result`.
  void declare(mlir::Value result, Expr e);
  void flushReads();
  void assignAll(llvm::ArrayRef<std::string> targets,
                 llvm::ArrayRef<mlir::Value> values);

  // --- Liveness.cpp
  void findLive();
  void markValue(mlir::Value v, llvm::SmallVectorImpl<mlir::Value> &work);
  void markOp(mlir::Operation *op, llvm::SmallVectorImpl<mlir::Value> &work);
  bool isDead(mlir::Operation *op) const { return !liveOps.contains(op); }
  bool isLive(mlir::Value v) const { return liveValues.contains(v); }
  /// Whether the value that is passed on here is needed.
  bool isLive(mlir::OpOperand &use) const;
  bool carries(mlir::scf::ForOp loop, unsigned k) const;

  mlir::LogicalResult unsupported(mlir::Operation &op,
                                  const llvm::Twine &why = "");

  // Types.
  mlir::LogicalResult checkType(mlir::Operation &op, mlir::Type type);
  std::string typeName(mlir::Type type);
  /// Element type of memory, which may alias every other one.
  std::string elementName(mlir::Type type);
  std::string pointerName(mlir::Type element, bool isConst);
  unsigned width(mlir::Type type);
  /// Vector type name such as "i32x4": kind 'f', 'i' or 'u'.
  std::string vectorName(char kind, unsigned bits, int64_t lanes);
  std::string vectorName(mlir::VectorType type);
  std::string signedName(mlir::VectorType type);
  /// Lane width with which the i1 vector `v` is kept.
  unsigned maskBits(mlir::Value v);
  std::string declaredType(mlir::Value v);

  // --- Arith.cpp
  mlir::LogicalResult printArith(mlir::Operation &op);
  mlir::LogicalResult printMath(mlir::Operation &op);
  mlir::LogicalResult printConstant(mlir::arith::ConstantOp op);
  std::string scalarLiteral(mlir::Attribute attr, mlir::Type type);
  Expr literal(mlir::Attribute attr, mlir::Type type);
  Expr binary(llvm::StringRef op, Prec prec, Expr lhs, Expr rhs);
  Expr wide(Expr e, unsigned bits);
  Expr toUnsigned(Expr e, unsigned bits);
  Expr toSigned(Expr e, unsigned bits);
  /// `e` in uintN_t arithmetic, as the value of an N-bit result.
  Expr wrapped(Expr e, unsigned bits);
  Expr cast(llvm::StringRef type, const Expr &e, unsigned bits = 0);
  Expr call(llvm::StringRef function, llvm::ArrayRef<Expr> args);
  bool fits(mlir::Operation &op, unsigned bits);
  bool nonNegative(mlir::Value v);
  mlir::LogicalResult printScalarInt(mlir::Operation &op, unsigned bits);
  mlir::LogicalResult printScalarFloat(mlir::Operation &op);
  mlir::LogicalResult printCast(mlir::Operation &op);
  mlir::LogicalResult printCmpF(mlir::arith::CmpFOp op);
  mlir::LogicalResult printCmpI(mlir::arith::CmpIOp op);
  mlir::LogicalResult printMinMaxF(mlir::Operation &op);
  Expr compareFloats(mlir::arith::CmpFPredicate p, Expr a, Expr b);

  // --- Vector.cpp (fixed), Scalable.cpp (SVE)
  mlir::LogicalResult printVectorArith(mlir::Operation &op);
  mlir::LogicalResult printVector(mlir::Operation &op);
  mlir::LogicalResult printReduction(mlir::vector::ReductionOp op);
  mlir::LogicalResult printScalable(mlir::Operation &op);
  mlir::LogicalResult printNarrowScalable(mlir::Operation &op);
  Expr mask(mlir::Value v, unsigned bits);
  Expr signedVector(mlir::Value v);
  Expr splat(mlir::VectorType type, Expr scalar);
  Expr lane(const Expr &vector, mlir::VectorType type, llvm::StringRef index);
  Expr vectorCast(llvm::StringRef type, const Expr &e);

  // --- ArmDSP.cpp
  mlir::LogicalResult printArmDSP(mlir::Operation &op);
  // --- Mve.cpp
  mlir::LogicalResult printMve(mlir::Operation &op);
  Expr mveVector(mlir::Value v);

  // --- MemRef.cpp
  mlir::LogicalResult printMemRef(mlir::Operation &op);
  Buffer &buffer(mlir::Value v);
  void defineBuffer(mlir::Value result, Buffer b);
  void addTerm(Buffer &b, mlir::OpFoldResult index, const Dim &stride);
  Dim dim(mlir::OpFoldResult v);
  Dim product(const Dim &a, const Dim &b);
  /// `pointer[index]` or, with `address`, `pointer + index`.
  Expr element(mlir::Value memref, mlir::ValueRange indices, bool address);
  Expr at(const Buffer &b, bool address);
  bool isWritten(mlir::Value memref);
  void setRowMajor(Buffer &b);
  void setStatic(Buffer &b, mlir::MemRefType type);
  /// Binds `arg` to `pointer`; sizes and strides that the type leaves open are
  /// parameters of their own, appended to `more`.
  mlir::LogicalResult declareParameter(mlir::Value arg, const std::string &pointer,
                                       llvm::SmallVectorImpl<std::string> &more);
  bool isContiguous(const Buffer &b);
  mlir::LogicalResult printCopy(mlir::memref::CopyOp op);

  // --- Scf.cpp
  mlir::LogicalResult printScf(mlir::Operation &op);
  mlir::LogicalResult printFor(mlir::scf::ForOp op);
  mlir::LogicalResult printIf(mlir::scf::IfOp op);
  mlir::LogicalResult printWhile(mlir::scf::WhileOp op);
  mlir::LogicalResult printSwitch(mlir::scf::IndexSwitchOp op);
  mlir::LogicalResult printCall(mlir::func::CallOp op);
  mlir::LogicalResult printRuntimeCall(mlir::func::CallOp op);
  mlir::LogicalResult printParallelCall(mlir::func::CallOp op, mlir::func::FuncOp part);
  mlir::LogicalResult printAssert(mlir::cf::AssertOp op);
  /// Ends the function with a status.
  void printEarlyEnd(const std::string &condition, const std::string &status);
  void declareResults(mlir::Operation &op, llvm::SmallVectorImpl<std::string> &targets);
  void declareCarried(mlir::Operation &op, mlir::Value init,
                      llvm::ArrayRef<mlir::Value> aliases, std::string &name);
  void bindVariable(mlir::Value v, const std::string &name);
  /// What the type of a buffer in variable `name` leaves open: names of the
  /// variables beside it, and their values in `b`.
  llvm::SmallVector<std::pair<std::string, Dim>>
  openParts(mlir::MemRefType type, llvm::StringRef name, const Buffer &b);
  /// Declares the variable `name` for `v`, without a value yet.
  void declareVariable(mlir::Value v, const std::string &name);
  /// The next of i, j, k, ...; the caller restores `loopDepth`.
  std::string loopVariable();
  mlir::LogicalResult printBody(mlir::Block &block);

  mlir::ModuleOp module;
  llvm::raw_ostream &out;      ///< the file
  std::string body;            ///< the functions, printed before the prelude
  llvm::raw_string_ostream os; ///< writes to `body`
  unsigned indent = 0;
  unsigned indexBits = 64;
  bool orderedZeros = false;   ///< minnum and maxnum of the target tell zeros apart
  std::string name;            ///< prefix of generated symbols
  std::optional<codegen::ModelInfo> info; ///< when there is an entry function
  std::string entrySignature;
  bool inEntry = false;    ///< printing the body of the entry
  llvm::SmallPtrSet<mlir::Operation *, 8> withStatus; ///< functions that may end early
  std::string onError; ///< the statement before an early end of the entry; may be empty
  bool callsRuntime = false; ///< functions of dlc_runtime.h
  bool profile;            ///< call the profiling hooks around layers
  std::string *weights;    ///< contents of NAME_weights; null when they are embedded
  unsigned nextLayer = 0;  ///< index into info->layers of the next call in the entry

  llvm::DenseMap<mlir::Value, Expr> exprs;
  llvm::DenseMap<mlir::Value, Buffer> buffers;
  /// Values whose expression reads memory and was not used yet, in order.
  llvm::SmallVector<mlir::Value> waiting;
  llvm::DenseMap<mlir::Value, std::string> variables; ///< that can be assigned
  llvm::DenseMap<mlir::Value, std::string> inserted;  ///< built by vector.insert
  llvm::DenseMap<mlir::Value, bool> written;
  llvm::DenseMap<mlir::Value, unsigned> maskWidths;
  llvm::DenseSet<mlir::Operation *> liveOps;
  llvm::DenseSet<mlir::Value> liveValues;
  llvm::StringSet<> names;            ///< of the file
  llvm::StringSet<> localNames;       ///< of the function
  llvm::StringMap<unsigned> counters; ///< of the function
  unsigned loopDepth = 0;
  llvm::StringMap<std::string> symbols; ///< IR symbol -> C++ name
  llvm::StringSet<> packed;             ///< constants printed as strings of bytes
  llvm::StringMap<uint64_t> moved;      ///< constants in NAME_weights, and where
  mlir::DataFlowSolver solver;

  std::set<std::string> helpers;     ///< names of prelude helpers in use
  std::map<std::string, std::string> functions; ///< further helpers, by name
  std::set<std::string> includes;    ///< headers of intrinsics in use
  std::set<std::string> elements;    ///< may-alias element types in use
  /// Vector types in use: (kind, bits, lanes).
  std::set<std::tuple<char, unsigned, int64_t>> vectors;
  bool scalable = false;
  bool mve = false; ///< intrinsics of arm_mve.h in use
  bool defect = false; ///< a value was missing: our own error
};

/// The shortest decimal that reads back as `value`, as a C++ literal.
std::string floatLiteral(const llvm::APFloat &value, mlir::Type type);
/// Whether `name` occurs in `text` as a whole identifier.
bool mentions(llvm::StringRef text, llvm::StringRef name);
/// `e` in parentheses unless it binds at least as strongly as `prec`.
std::string paren(const Expr &e, Prec prec);
/// A valid C++ identifier made from `name`.
std::string identifier(llvm::StringRef name);
} // namespace dlc::cpp
