#include "runtime/error.hpp"

#include <cxxabi.h>

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <gofer/error.hpp>
#include <gofer/panic.hpp>
#include <memory>
#include <ostream>

namespace gofer {

std::string runtime::gos_description(const char* description) {
  std::string text = description;
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

namespace detail {

namespace {

class text_error final : public error_node {
 public:
  explicit text_error(std::string text) : text_(std::move(text)) {}
  std::string what() const override { return text_; }

 private:
  void destroy() noexcept override { delete this; }
  std::string text_;
};

class code_error final : public error_node {
 public:
  code_error(std::error_code code, bool gos_text) : code_(code), gos_text_(gos_text) {}
  std::string what() const override;
  bool equals(const error_node& other) const override {
    const auto* same = dynamic_cast<const code_error*>(&other);
    return same != nullptr && code_ == same->code_;
  }
  void* value(const std::type_info& type) const override { return type == typeid(code_) ? &code_ : nullptr; }

 private:
  void destroy() noexcept override { delete this; }
  mutable std::error_code code_;
  bool gos_text_;
};

std::string code_error::what() const {
  if (!gos_text_) return code_.message();
  // Of strerror's kind the one that neither translates nor shares a buffer.
  const char* description = ::strerrordesc_np(code_.value());
  if (description == nullptr) return "errno " + std::to_string(code_.value());
  return runtime::gos_description(description);
}

class wrap_error final : public error_node {
 public:
  wrap_error(error cause, std::string text) : cause_(std::move(cause)), text_(std::move(text)) {}
  std::string what() const override { return text_; }
  error unwrap() const override { return cause_; }
  error_node* detach_cause() noexcept override { return cause_.leave(); }

 private:
  void destroy() noexcept override { delete this; }
  error cause_;
  std::string text_;
};

class join_error final : public error_node {
 public:
  explicit join_error(std::vector<error> errs) : errs_(std::move(errs)) {}
  std::string what() const override {
    std::string text = errs_[0].what();
    for (std::size_t i = 1; i < errs_.size(); i++) text += '\n' + errs_[i].what();
    return text;
  }
  std::string summary() const override {
    return std::to_string(errs_.size()) + (errs_.size() == 1 ? " error:" : " errors:");
  }
  std::vector<error> unwrap_all() const override { return errs_; }

 private:
  void destroy() noexcept override { delete this; }
  std::vector<error> errs_;
};

// The exception is looked at where it lies, without throwing it: libstdc++'s exception_ptr is a pointer to the object
// and knows the type it was thrown as.
class exception_error final : public error_node {
 public:
  explicit exception_error(std::exception_ptr e) : exception_(std::move(e)) {}
  std::string what() const override;
  void* value(const std::type_info& type) const override {
    return caught_as(type, *exception_.__cxa_exception_type(), object());
  }
  error unwrap() const override {
    const auto* nested = static_cast<std::nested_exception*>(value(typeid(std::nested_exception)));
    return nested != nullptr ? error(nested->nested_ptr()) : error();
  }
  std::exception_ptr exception() const override { return exception_; }

 private:
  void destroy() noexcept override { delete this; }
  void* object() const {
    void* address;
    static_assert(sizeof(exception_) == sizeof(address));
    std::memcpy(&address, static_cast<const void*>(&exception_), sizeof(address));
    return address;
  }
  std::exception_ptr exception_;
};

std::string exception_error::what() const {
  if (const auto* e = static_cast<std::exception*>(value(typeid(std::exception)))) return e->what();
  if (const auto* text = static_cast<std::string*>(value(typeid(std::string)))) return *text;
  const char* mangled = exception_.__cxa_exception_type()->name();
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(mangled, nullptr, nullptr, &status), std::free);
  return std::string("exception of type ") + (name != nullptr ? name.get() : mangled);
}

}  // namespace

bool error_node::is(const error&) const { return false; }
void* error_node::value(const std::type_info&) const { return nullptr; }
error error_node::unwrap() const { return {}; }
std::vector<error> error_node::unwrap_all() const { return {}; }

void error_node::release(error_node* node) noexcept {
  while (node != nullptr) {
    if (node->refs_.load(std::memory_order_relaxed) == immortal) return;
    // acq_rel: the last owner destroys what the others have finished with
    if (node->refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    error_node* cause = node->detach_cause();
    node->destroy();
    node = cause;
  }
}

void* caught_as(const std::type_info& handler, const std::type_info& thrown, void* object) {
  // The function of the ABI that decides whether a catch clause takes an exception; it moves `object` to the base
  // class.
  return handler.__do_catch(&thrown, &object, 1) ? object : nullptr;
}

error_node* new_error(std::string text) { return new text_error(std::move(text)); }
error_node* new_error(std::error_code code) { return new code_error(code, false); }
error_node* new_error(const std::exception_ptr& e) {
  auto* node = new exception_error(e);
  const error holder = error::adopt(node);
  if (const auto* ours = static_cast<error_exception*>(node->value(typeid(error_exception))))
    return error(ours->err()).leave();
  return error(holder).leave();
}
error new_wrap(error cause, std::string text) {
  text += ": ";
  text += cause.what();
  return error::adopt(new wrap_error(std::move(cause), std::move(text)));
}
error errno_error(int errnum) {
  if (errnum == 0) return {};
  return error::adopt(new code_error(std::error_code(errnum, std::system_category()), true));
}

void must_failed(const error& err) { panic(err); }

}  // namespace detail

std::string error::what() const { return node_ != nullptr ? node_->what() : "<nil>"; }

std::ostream& operator<<(std::ostream& out, const error& err) { return out << err.what(); }

std::exception_ptr error::exception() const {
  if (node_ == nullptr) return nullptr;
  if (std::exception_ptr e = node_->exception()) return e;
  return std::make_exception_ptr(error_exception(*this));
}

error make_error(std::string_view text) { return error::adopt(detail::new_error(std::string(text))); }

error join(std::span<const error> errs) {
  std::vector<error> present;
  for (const error& e : errs) {
    if (e) present.push_back(e);
  }
  return present.empty() ? error() : error::adopt(new detail::join_error(std::move(present)));
}

error unwrap(const error& err) { return err ? err.node()->unwrap() : error(); }

namespace {

// Visits err and everything it came from, depth first, as Go does, until `found` says so. Recursion only where a join
// branches.
template <class Found>
bool walk(error err, const Found& found) {
  while (err) {
    if (found(err)) return true;
    error cause = err.node()->unwrap();
    if (!cause) {
      for (const error& branch : err.node()->unwrap_all()) {
        if (walk(branch, found)) return true;
      }
    }
    err = std::move(cause);
  }
  return false;
}

}  // namespace

bool is(const error& err, const error& target) {
  if (!err || !target) return err == target;
  return walk(err, [&](const error& e) { return e == target || e.node()->is(target); });
}

bool is(const error& err, const std::error_condition& condition) {
  return walk(err, [&](const error& e) {
    if (const auto* code = static_cast<std::error_code*>(e.node()->value(typeid(std::error_code))))
      return *code == condition;
    const auto* thrown = static_cast<std::system_error*>(e.node()->value(typeid(std::system_error)));
    return thrown != nullptr && thrown->code() == condition;
  });
}

std::error_code error::code() const {
  std::error_code result;
  walk(*this, [&](const error& e) {
    if (const auto* code = static_cast<std::error_code*>(e.node()->value(typeid(std::error_code)))) result = *code;
    if (const auto* thrown = static_cast<std::system_error*>(e.node()->value(typeid(std::system_error))))
      result = thrown->code();
    return static_cast<bool>(result);
  });
  return result;
}

void* detail::error_as(const error& err, const std::type_info& type) {
  void* value = nullptr;
  walk(err, [&](const error& e) { return (value = e.node()->value(type)) != nullptr; });
  return value;
}

}  // namespace gofer
