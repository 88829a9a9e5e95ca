; At the end of a round, in the checked mode: some threads of the block ended while others wait at a barrier.
  %some = icmp ne i32 %gone1, 0
  %others = icmp ne i32 %live1, 0
  %uneven = and i1 %some, %others
  br i1 %uneven, label %report, label %even
report:
  call void @mg_report(i64 3, i64 0, i64 0, i64 0, i64 0)
  br label %even
even:
