# cmake -DROOT=... -P check.cmake: who includes whom, and two more rules that hold by folder. sched/ uses the operating
# system and Boost.Context, runtime/ uses sched/, include/gofer/ is the face of runtime/ and shows neither; examples and
# conformance programs see what a user sees.

set(include "^[ \t]*#[ \t]*include[ \t]*[<\"]")

# forbid(FOLDER WHAT REGEX [EXCEPT REGEX]): no line of a file below FOLDER may match, but for files that EXCEPT matches.
function(forbid folder what regex)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "EXCEPT" "")
  file(GLOB_RECURSE files RELATIVE "${ROOT}" "${ROOT}/${folder}/*.[hc]pp" "${ROOT}/${folder}/*.S")
  foreach(file IN LISTS files)
    if(arg_EXCEPT AND file MATCHES "${arg_EXCEPT}")
      continue()
    endif()
    file(STRINGS "${ROOT}/${file}" lines REGEX "${regex}")
    if(lines)
      message(SEND_ERROR "layering: ${file}: ${what}: ${lines}")
    endif()
  endforeach()
endfunction()

forbid(sched "sched/ knows nothing above it" "${include}(\\.\\./|include/|runtime/|gofer/)")
forbid(runtime "include from the root of the project" "${include}(\\.\\./|include/)")
forbid(include "a public header shows nothing below it" "${include}(\\.\\./|include/|sched/|runtime/)")
forbid(examples "an example sees what a user sees" "${include}(\\.\\./|include/|sched/|runtime/)")
forbid(tests/conformance "a conformance program sees what a user sees" "${include}(\\.\\./|include/|sched/|runtime/)")

# One file may use Boost.Context, and one may have thread-locals (a comment may talk of them).
foreach(folder IN ITEMS sched runtime include)
  forbid(${folder} "only sched/switch uses Boost.Context" "${include}boost/context/" EXCEPT "^sched/switch")
  forbid(${folder} "only sched/tls has thread-locals" "^([^/]|/[^/])*(thread_local|__thread)[^A-Za-z_]" EXCEPT "^sched/tls\\.")
endforeach()
