// This file lowers the last IR to LLVM.
