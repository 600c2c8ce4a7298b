// That the other files of this program compile and link is the test.
int main() {}
