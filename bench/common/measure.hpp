// What every benchmark program measures and prints with.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace bench {

class stopwatch {
 public:
  double ns() const { return std::chrono::duration<double, std::nano>(clock::now() - start_).count(); }
  double ms() const { return ns() / 1e6; }
  double ns_per(std::int64_t n) const { return ns() / static_cast<double>(n); }

 private:
  using clock = std::chrono::steady_clock;
  clock::time_point start_ = clock::now();
};

inline void print(const char* name, double value, const char* unit) {
  std::printf("%s %.3f %s\n", name, value, unit);
  std::fflush(stdout);
}

/// Wrong results end the program: a fast way to a wrong sum is no benchmark.
inline void expect(bool right, const char* bench) {
  if (right) return;
  std::fprintf(stderr, "%s: the result is wrong\n", bench);
  std::_Exit(1);
}

inline double resident_bytes() {
  long pages = 0;
  if (std::FILE* f = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(f, "%*d %ld", &pages) != 1) pages = 0;
    std::fclose(f);
  }
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

/// The most memory that this program has had. getrusage's would be that of whoever started it, if he had more.
inline double peak_bytes() {
  long kilobytes = 0;
  if (std::FILE* f = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, f) != nullptr && std::sscanf(line, "VmHWM: %ld", &kilobytes) != 1) {
    }
    std::fclose(f);
  }
  return static_cast<double>(kilobytes) * 1024;
}

inline rusage usage() {
  rusage r{};
  getrusage(RUSAGE_SELF, &r);
  return r;
}

inline double cpu_ms() {
  const rusage r = usage();
  return static_cast<double>(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e3 +
         static_cast<double>(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e3;
}

/// Zero plus one plus ... up to n - 1.
constexpr std::int64_t sum_below(std::int64_t n) { return n * (n - 1) / 2; }

/// The command line of every program here, PROGRAM BENCH WORKERS [N]: true when it is one.
struct arguments {
  std::string_view bench;
  int workers = 0;
  std::int64_t n = 0;  // 0: the benchmark's own

  bool read(int argc, char** argv) {
    std::int64_t w = 0;
    if (argc < 3 || argc > 4 || !number(argv[2], w) || (argc == 4 && !number(argv[3], n))) {
      std::fprintf(stderr, "usage: %s BENCH WORKERS [N]; WORKERS and N are positive numbers\n", argv[0]);
      return false;
    }
    bench = argv[1];
    workers = static_cast<int>(w);
    return true;
  }

 private:
  static bool number(std::string_view text, std::int64_t& n) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    return error == std::errc() && end == text.data() + text.size() && n > 0 && n <= 1'000'000'000;
  }
};

/// Exit status of a program that is asked for what it does not have.
inline constexpr int no_such_bench = 2;

}  // namespace bench
