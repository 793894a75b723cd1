// What the importer accepts at most; every limit is listed in compiler/README.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dlc::limits {

/// Oldest IR version (field ir_version of the model) that is read.
inline constexpr int64_t kMinIrVersion = 3;
/// Size of the model file: protobuf's own limit for one message.
inline constexpr uint64_t kModelBytes = (uint64_t{1} << 31) - 1;
/// Subgraphs and function calls that may be nested in each other.
inline constexpr int kNesting = 32;
/// Protobuf messages that may be nested: a subgraph costs three of them
/// (graph, node, attribute), the type of a value in the innermost one the rest.
inline constexpr int kMessageNesting = 3 * kNesting + 32;
/// Nested sequence, optional and map types.
inline constexpr int kTypeNesting = 8;
/// Dimensions of a tensor.
inline constexpr int64_t kRank = 16;
/// Nodes of the model, its subgraphs and its functions after inlining.
inline constexpr int64_t kNodes = 1 << 18;
/// All constant data of a model, sparse tensors counted as dense ones. Also
/// what a position-dependent object can address.
inline constexpr uint64_t kConstantBytes = uint64_t{1} << 31;
/// One sparse tensor made dense, and one tensor folded by the compiler: what a
/// few bytes of the file may grow to.
inline constexpr uint64_t kFoldedBytes = uint64_t{256} << 20;
/// Characters of a name that messages show.
inline constexpr size_t kShownName = 160;

} // namespace dlc::limits
