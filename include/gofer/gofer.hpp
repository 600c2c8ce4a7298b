// Everything of gofer but http, tls and asio.
#pragma once

#include <gofer/chan.hpp>
#include <gofer/context.hpp>
#include <gofer/defer.hpp>
#include <gofer/error.hpp>
#include <gofer/io.hpp>
#include <gofer/local.hpp>
#include <gofer/net.hpp>
#include <gofer/os.hpp>
#include <gofer/panic.hpp>
#include <gofer/runtime.hpp>
#include <gofer/select.hpp>
#include <gofer/sync.hpp>
#include <gofer/time.hpp>
