# The picture of docs/defer.md, from bench/run's results: awk -v title=... -f plot.awk RESULTS > defer.svg
# Lines "bench workers peer name value unit"; of each name and peer the median. Bars on a logarithmic scale, for the
# figures span five decades.

function median(key,   i, j, t, v, k) {
  k = split(values[key], v, " ")
  for (i = 2; i <= k; i++) for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
  return k % 2 ? v[(k + 1) / 2] : (v[k / 2] + v[k / 2 + 1]) / 2
}

function x_of(ns) { return left + (log(ns) / log(10) - low) * per_decade }

function shown(ns) {
  if (ns >= 10000) return sprintf("%.1f µs", ns / 1000)
  if (ns >= 100) return sprintf("%.0f ns", ns)
  if (ns >= 10) return sprintf("%.1f ns", ns)
  return sprintf("%.2f ns", ns)
}

function escape(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); return s }

function heading(text) {
  y += 14
  body = body sprintf("<text class=\"head\" x=\"20\" y=\"%d\">%s</text>\n", y + 14, escape(text))
  y += 24
}

# One bar. class: go, gofer or cpp.
function bar(label, peer, name, class,   m, width) {
  if (!((peer, name) in values)) return
  m = median(peer SUBSEP name)
  if (m < 1) m = 1
  width = x_of(m) - left
  if (width < 1) width = 1
  body = body sprintf("<text class=\"label\" x=\"%d\" y=\"%d\">%s</text>", left - 8, y + 13, escape(label))
  body = body sprintf("<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"14\" rx=\"2\"/>", class, left, y + 2, width)
  body = body sprintf("<text class=\"value\" x=\"%.1f\" y=\"%d\">%s</text>\n", left + width + 6, y + 13, shown(m))
  y += 19
}

NF == 6 { values[$3, $4] = values[$3, $4] " " $5 }

END {
  left = 230; low = 0; decades = 5; per_decade = 106; y = 44
  heading("One deferred call")
  bar("a direct call", "gofer", "call_direct", "cpp")
  bar("C++: a guard class", "gofer", "guard_raii", "cpp")
  bar("C++: BOOST_SCOPE_EXIT", "gofer", "guard_scope_exit", "cpp")
  bar("C++: boost::scope", "gofer", "guard_boost_scope", "cpp")
  bar("C++: std::function", "gofer", "guard_function", "cpp")
  bar("C++: std::function, 3 captures", "gofer", "guard_function_heap", "cpp")
  bar("gofer::defer", "gofer", "defer_open1", "gofer")
  bar("Go: defer", "Go", "defer_open1", "go")
  heading("Deferred in a loop, each of 100")
  bar("gofer::defer_list", "gofer", "defer_loop100_each", "gofer")
  bar("Go: defer", "Go", "defer_loop100_each", "go")
  heading("A recover() that finds nothing")
  bar("gofer", "gofer", "recover_no_panic", "gofer")
  bar("Go", "Go", "recover_no_panic", "go")
  for (i = 1; i <= 3; i++) {
    n = i == 1 ? 1 : i == 2 ? 10 : 100
    heading("A panic recovered " n (n == 1 ? " frame" : " frames") " up")
    bar("C++: throw and catch", "gofer", "throw_catch_d" n, "cpp")
    bar("gofer: panic and recover", "gofer", "panic_recover_d" n, "gofer")
    bar("Go: panic and recover", "Go", "panic_recover_d" n, "go")
    bar("C++, a destructor in each", "gofer", "throw_catch_guards_d" n, "cpp")
    bar("gofer, a deferred call in each", "gofer", "panic_recover_defers_d" n, "gofer")
    bar("Go, a deferred call in each", "Go", "panic_recover_defers_d" n, "go")
  }
  heading("A goroutine that ends by Goexit 10 frames deep, a deferred call in each")
  bar("gofer", "gofer", "goroutine_goexit_d10", "gofer")
  bar("Go", "Go", "goroutine_goexit_d10", "go")
  height = y + 40
  printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 %d\" width=\"860\" height=\"%d\" role=\"img\">\n", height, height
  print "<title>What a deferred call, a panic and a recover cost</title>"
  print "<style>"
  print "svg { background: #fff; font: 12px system-ui, sans-serif } text { fill: #24292f } .label { text-anchor: end }"
  print ".head { font-weight: 600; font-size: 13px } .value { font-size: 11px } .axis { text-anchor: middle; font-size: 11px; fill: #6e7781 }"
  print ".grid { stroke: #d0d7de } .cpp { fill: #8c959f } .gofer { fill: #1a7f37 } .go { fill: #54aeff }"
  print "</style>"
  printf "<text x=\"20\" y=\"24\" style=\"font-size:15px;font-weight:600\">What a deferred call, a panic and a recover cost</text>\n"
  printf "<text x=\"20\" y=\"42\" class=\"value\">%s; logarithmic scale, shorter is better</text>\n", escape(title)
  for (d = low; d <= low + decades; d++) {
    x = left + (d - low) * per_decade
    name = d == 0 ? "1 ns" : d == 1 ? "10 ns" : d == 2 ? "100 ns" : d == 3 ? "1 µs" : d == 4 ? "10 µs" : "100 µs"
    printf "<line class=\"grid\" x1=\"%d\" y1=\"54\" x2=\"%d\" y2=\"%d\"/><text class=\"axis\" x=\"%d\" y=\"%d\">%s</text>\n", x, x, y + 8, x, y + 24, name
  }
  printf "%s", body
  print "</svg>"
}
