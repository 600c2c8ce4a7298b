// What happened, in order: tests of order append words to a trail and compare it whole.
#pragma once

#include <mutex>
#include <string>
#include <utility>

namespace gofer::test {

class trail {
 public:
  void add(const std::string& word) {
    const std::lock_guard hold(mu_);
    if (!text_.empty()) text_ += ' ';
    text_ += word;
  }
  std::string text() const {
    const std::lock_guard hold(mu_);
    return text_;
  }

 private:
  mutable std::mutex mu_;
  std::string text_;
};

/// Says when it is destroyed.
class leaves {
 public:
  leaves(trail& t, std::string name) : trail_(t), name_(std::move(name)) {}
  ~leaves() { trail_.add("~" + name_); }
  leaves(const leaves&) = delete;
  leaves& operator=(const leaves&) = delete;

 private:
  trail& trail_;
  std::string name_;
};

}  // namespace gofer::test
