// The line about the signal stands in the report when any of the panics in it came from a fault, not only the newest.
#include "go.hpp"

using conformance::println;

namespace {

struct node {
  int pad[4];
  node* next;
};

node* volatile nowhere = nullptr;

FAULTS_ON_PURPOSE void read_next() { println(nowhere->next == nullptr); }

}  // namespace

int main() {
  return gofer::run([] {
    gofer::defer last{println, "last"};
    gofer::defer third{[] {
      println("recovered:", gofer::recover());
      gofer::panic("third");
    }};
    GOFER_DEFER(gofer::panic("second"));
    read_next();
  });
}
