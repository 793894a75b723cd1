// The protobuf classes of ONNX; nothing else of libonnx is used.
#pragma once

#include "onnx/onnx-ml.pb.h"

namespace dlc::import {
namespace pb = ::onnx;
} // namespace dlc::import
