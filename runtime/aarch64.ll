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

declare i64 @llvm.read_volatile_register.i64(metadata)

define internal i64 @clock() nounwind {  ; the system's counter, whose pace differs from machine to machine
  %now = call i64 @llvm.read_volatile_register.i64(metadata !{!"cntvct_el0"})
  %second = call i64 @llvm.read_volatile_register.i64(metadata !{!"cntfrq_el0"})
  %each = udiv i64 2500000000, %second
  %scaled = mul i64 %now, %each
  ret i64 %scaled
}
