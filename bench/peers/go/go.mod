module gofer/bench/peers/go

go 1.19
