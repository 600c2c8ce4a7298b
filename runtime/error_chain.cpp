// What is only looked at when somebody reads an error: the stack it may carry, and the print of the whole chain.
#include <array>
#include <gofer/error.hpp>

#include "runtime/traceback.hpp"
#include "sched/traceback.hpp"

namespace gofer {

namespace {

// Says what its cause says, and holds where with_stack was called: return addresses only, which mean something to
// the symbolizer when they are printed, if they ever are.
class stack_error final : public detail::error_node {
 public:
  explicit stack_error(error cause) : cause_(std::move(cause)) {
    depth_ = sched::callers(pcs_.data(), static_cast<int>(pcs_.size()), 1);
  }
  std::string what() const override { return cause_.what(); }
  error unwrap() const override { return cause_; }
  detail::error_node* detach_cause() noexcept override { return cause_.leave(); }
  std::span<void* const> stack() const override { return {pcs_.data(), static_cast<std::size_t>(depth_)}; }

 private:
  void destroy() noexcept override { delete this; }
  error cause_;
  std::array<void*, 32> pcs_{};  // guessed: deeper than most, and a quarter of a KiB per error
  int depth_ = 0;
};

void append_indented(std::string& out, std::string_view text, int depth) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out.append(static_cast<std::size_t>(depth) * 2, ' ').append(text.substr(0, end)) += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void append_chain(std::string& out, error err, int depth) {
  std::string traceback;  // of a with_stack, printed below the text of what it was attached to
  while (err) {
    error cause = err.node()->unwrap();
    const auto pcs = err.node()->stack();
    if (!pcs.empty()) {
      traceback += runtime::format_frames(pcs.data(), static_cast<int>(pcs.size()), true);
    } else {
      append_indented(out, err.node()->summary(), depth++);
      append_indented(out, std::exchange(traceback, {}), depth);
    }
    for (const error& branch : err.node()->unwrap_all()) append_chain(out, branch, depth);
    err = std::move(cause);
  }
}

// The nearest error below err (or itself) that holds a stack; null when none does.
error first_stack(error err) {
  while (err && err.node()->stack().empty()) err = unwrap(err);
  return err;
}

}  // namespace

error with_stack(error err) {
  if (!err || first_stack(err)) return err;
  return error::adopt(new stack_error(std::move(err)));
}

std::string error::chain() const {
  if (node_ == nullptr) return what();
  std::string out;
  append_chain(out, *this, 0);
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

std::string error::stack() const {
  const error holder = first_stack(*this);
  if (!holder) return {};
  const auto pcs = holder.node_->stack();
  return runtime::format_frames(pcs.data(), static_cast<int>(pcs.size()), true);
}

}  // namespace gofer
