// What the demo server answers.
#pragma once

#include <gofer/http.hpp>

class live_stats;

/// `live` must outlive the server.
gofer::http::serve_mux make_routes(live_stats& live);
