; What the runner asks of an AArch64 with Linux; x86_64.ll says what each is for.

declare void @llvm.aarch64.hint(i32)
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)

define internal void @relax() nounwind {
  call void @llvm.aarch64.hint(i32 1)
  ret void
}

define internal i64 @futex() nounwind {
  ret i64 98
}

define internal i64 @settle() nounwind {
  %before = call i64 @llvm.aarch64.get.fpcr()
  call void @llvm.aarch64.set.fpcr(i64 0)
  ret i64 %before
}

define internal void @restore(i64 %before) nounwind {
  call void @llvm.aarch64.set.fpcr(i64 %before)
  ret void
}
