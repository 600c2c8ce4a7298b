// expect: no compiler says this
int main() { return undeclared; }
