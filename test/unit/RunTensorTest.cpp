// Tests what dlc-run reads, writes and compares: NumPy files, TensorProto, tolerances.
#include "compiler/run/Compare.h"
#include "compiler/run/TensorFiles.h"
#include "dlc/dlc_abi.h"
#include <catch2/catch.hpp>
#include <cstring>
#include <limits>

using namespace dlc::run;

namespace {

template <typename T> Tensor make(int dtype, std::vector<int64_t> dims, std::vector<T> values) {
  Tensor tensor{"y", dtype, std::move(dims), {}};
  tensor.data.resize(values.size() * sizeof(T));
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

Tensor floats(std::vector<float> values) {
  return make<float>(DLC_FLOAT32, {static_cast<int64_t>(values.size())}, values);
}

/// A NumPy file of version 1 with this header text.
std::string npy(const std::string &header, const std::string &data, char version = 1) {
  std::string file = "\x93NUMPY";
  file += version;
  file += '\0';
  file += static_cast<char>(header.size() & 255);
  file += static_cast<char>(header.size() >> 8);
  if (version > 1)
    file += std::string(2, '\0');
  return file + header + data;
}

std::string errorOf(llvm::Expected<Tensor> tensor) {
  return tensor ? "" : llvm::toString(tensor.takeError());
}

} // namespace

TEST_CASE("npy: what is written is read back, for every type and rank") {
  for (int dtype : {DLC_FLOAT32, DLC_UINT8, DLC_INT8, DLC_UINT16, DLC_INT16, DLC_INT32,
                    DLC_INT64, DLC_BOOL, DLC_FLOAT16, DLC_FLOAT64, DLC_UINT32, DLC_UINT64,
                    DLC_COMPLEX64, DLC_COMPLEX128})
    for (std::vector<int64_t> dims : {std::vector<int64_t>{}, {3}, {2, 3}, {1, 0, 4}, {1, 2, 3, 4, 5}}) {
      Tensor tensor{"", dtype, dims, {}};
      fillRandom(tensor, 7);
      auto text = formatNpy(tensor);
      REQUIRE(text);
      CHECK((text->size() - tensor.data.size()) % 64 == 0);
      auto back = parseNpy(*text);
      REQUIRE(static_cast<bool>(back));
      CHECK(back->dtype == dtype);
      CHECK(back->dims == dims);
      CHECK(back->data == tensor.data);
    }
  Tensor bf16{"", DLC_BFLOAT16, {1}, {0, 0}};
  CHECK(!formatNpy(bf16));
}

TEST_CASE("npy: headers that others write") {
  std::string four(16, '\0');
  CHECK(parseNpy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }   \n", four))->dims ==
        std::vector<int64_t>{2, 2});
  CHECK(parseNpy(npy("{\"shape\":(4L,),\"fortran_order\":False,\"descr\":\"<f4\"}", four))->dims ==
        std::vector<int64_t>{4});
  CHECK(parseNpy(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (4,)}", four, 2))->elements() == 4);
  CHECK(parseNpy(npy("{'descr': '|u1', 'fortran_order': False, 'shape': ()}", "x", 3))->dims.empty());
}

TEST_CASE("npy: broken or foreign files are refused with a reason") {
  std::string four(16, '\0');
  auto with = [&](const std::string &header) { return errorOf(parseNpy(npy(header, four))); };
  CHECK(errorOf(parseNpy("")) == "not a NumPy file");
  CHECK(errorOf(parseNpy("\x93NUMPY")) == "not a NumPy file");
  CHECK(errorOf(parseNpy(npy("", "", 9))) == "NumPy format version 9 is not known");
  CHECK(errorOf(parseNpy(npy("{'descr'", four).substr(0, 12))) == "the NumPy header is cut off");
  CHECK(with("{'descr': '<f4', 'fortran_order': False}") == "the NumPy header is malformed");
  CHECK(with("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}") ==
        "the NumPy header is malformed");
  CHECK(with("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}") == "the NumPy header is malformed");
  CHECK(with("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}") ==
        "the NumPy header is malformed");
  CHECK(with("{'descr': '>f4', 'fortran_order': False, 'shape': (4,)}") ==
        "NumPy type '>f4' is big endian; save it as '<f4'");
  CHECK(with("{'descr': '<U4', 'fortran_order': False, 'shape': (1,)}") == "NumPy type '<U4' is not supported");
  CHECK(with("{'descr': '<f4', 'fortran_order': True, 'shape': (2,2)}") ==
        "the array is in Fortran order; save numpy.ascontiguousarray of it");
  CHECK(with("{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}") ==
        "found 16 bytes of data, expected 20 for float32 5");
  CHECK(with("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,4,4)}").find("found 16 bytes") ==
        0);
}

TEST_CASE("TensorProto: garbage is refused") {
  CHECK(errorOf(parseTensorProto("\xff\xff")) == "not a TensorProto");
  CHECK(errorOf(parseTensorProto("")).find("is not a dense tensor of numbers") != std::string::npos);
}

TEST_CASE("compare: numpy.allclose") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  CHECK(compareTensors(floats({1, 2, 3}), floats({1, 2, 3.002f}), {}) == "");
  CHECK(compareTensors(floats({1, nan, inf, -inf}), floats({1, nan, inf, -inf}), {}) == "");
  CHECK(compareTensors(floats({1, 2, 3}), floats({1, 2, 3.01f}), {}) ==
        "output 'y': at [2] found 3, expected 3.00999999 (rtol 0.001, atol 1e-07); 1 of 3 elements differ");
  CHECK(compareTensors(floats({1, 2}), floats({1, 2.01f}), {0.1, std::nullopt}) == "");
  CHECK(compareTensors(floats({0}), floats({0.01f}), {std::nullopt, 0.1}) == "");
  CHECK(compareTensors(floats({nan}), floats({1}), {}) != "");
  CHECK(compareTensors(floats({1}), floats({nan}), {}) != "");
  CHECK(compareTensors(floats({inf}), floats({-inf}), {}) != "");
  CHECK(compareTensors(floats({inf}), floats({1e38f}), {1e9, 1e9}) != "");
  CHECK(compareTensors(floats({1e38f}), floats({inf}), {1e9, 1e9}) != "");
  CHECK(compareTensors(floats({}), floats({}), {}) == "");
}

TEST_CASE("compare: integers and bool exactly, types and shapes always") {
  auto bytes = [](int dtype, std::vector<uint8_t> values) {
    return make<uint8_t>(dtype, {1, static_cast<int64_t>(values.size())}, values);
  };
  CHECK(compareTensors(bytes(DLC_INT8, {255}), bytes(DLC_INT8, {254}), {9, {}}) ==
        "output 'y': at [0,0] found -1, expected -2");
  CHECK(compareTensors(bytes(DLC_BOOL, {1, 0}), bytes(DLC_BOOL, {1, 1}), {}) ==
        "output 'y': at [0,1] found false, expected true; 1 of 2 elements differ");
  CHECK(compareTensors(bytes(DLC_INT8, {1}), bytes(DLC_UINT8, {1}), {}) ==
        "output 'y': found type int8, expected uint8");
  Tensor flat = bytes(DLC_INT8, {1, 2});
  flat.dims = {2};
  CHECK(compareTensors(flat, bytes(DLC_INT8, {1, 2}), {}) == "output 'y': found shape 2, expected 1x2");
  Tensor int4{"y", DLC_INT4, {3}, {static_cast<char>(0xF1), 0x07}};
  CHECK(signedAt(int4, 0) == 1);
  CHECK(signedAt(int4, 1) == -1);
  CHECK(signedAt(int4, 2) == 7);
  // An explicit atol is for integers, too.
  CHECK(compareTensors(bytes(DLC_INT8, {255}), bytes(DLC_INT8, {0}), {{}, 1}) == "");
  CHECK(compareTensors(bytes(DLC_INT8, {255, 3}), bytes(DLC_INT8, {1, 3}), {{}, 1}) ==
        "output 'y': at [0,0] found -1, expected 1; 1 of 2 elements differ; "
        "1 of 2 integers identical (50.00 %), largest difference 2");
  CHECK(compareTensors(bytes(DLC_UINT8, {255}), bytes(DLC_UINT8, {0}), {{}, 1}) != "");
}

TEST_CASE("compare: half precision and complex") {
  auto half = [](std::vector<uint16_t> values) {
    return make<uint16_t>(DLC_FLOAT16, {static_cast<int64_t>(values.size())}, values);
  };
  CHECK(floatAt(half({0x3C00}), 0) == 1.0);
  CHECK(compareTensors(half({0x3C01}), half({0x3C00}), {}) == "");
  CHECK(compareTensors(half({0x3C10}), half({0x3C00}), {}) != "");
  CHECK(compareTensors(half({0x7E00}), half({0x7E01}), {}) == "");
  Tensor a = make<float>(DLC_COMPLEX64, {1}, {3, 4}), b = make<float>(DLC_COMPLEX64, {1}, {3, 4.01f});
  CHECK(compareTensors(a, a, {}) == "");
  CHECK(compareTensors(a, b, {}) == "output 'y': at [0] found (3,4), expected (3,4.01000023) (rtol 0.001, atol 1e-07)");
}

TEST_CASE("random inputs depend on the seed only") {
  Tensor a{"", DLC_FLOAT32, {100}, {}}, b = a, c = a;
  fillRandom(a, 1), fillRandom(b, 1), fillRandom(c, 2);
  CHECK(a.data == b.data);
  CHECK(a.data != c.data);
  for (int i = 0; i < 100; i++)
    CHECK(std::abs(floatAt(a, i)) <= 1.0);
}
