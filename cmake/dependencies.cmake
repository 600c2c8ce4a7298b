# What gofer itself links. goferConfig.cmake.in looks for the same; tests and benchmarks look for theirs where they are.
#
# Boost: Context (the portable switch), and the headers of Lockfree, Asio and Beast.
# fmt: the public headers format with it. Libdw: function, file and line in tracebacks.

find_package(Boost 1.74 REQUIRED COMPONENTS headers context)
find_package(fmt REQUIRED)
find_package(Libdw REQUIRED)

# OpenSSL: tls.hpp, and https in http.hpp. Without it the rest is there.
find_package(OpenSSL 3 COMPONENTS SSL Crypto)
set(GOFER_TLS OFF)
if(OPENSSL_FOUND)
  set(GOFER_TLS ON)
else()
  message(STATUS "gofer: no OpenSSL 3: without TLS (cmake/packages.txt names the packages)")
endif()
