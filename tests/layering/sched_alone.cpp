// Linked with the whole of sched/ and nothing else of gofer: that it links is the test.
int main() {}
