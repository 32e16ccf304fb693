# Given to CMake as CMAKE_PROJECT_INCLUDE when building against ROS 2 message wheels.
#
# The wheels' exported *__rosidl_generator_py targets name an include directory of the machine that
# built them; CMake refuses to generate with an imported target whose include directory is missing.
# Once the package's own CMakeLists has run, drop those entries. Where nothing is missing (a full
# ROS 2 installation) this changes nothing.

function(_neurok_drop_missing_include_directories)
  get_property(imported_targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS imported_targets)
    get_target_property(directories ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT directories)
      continue()
    endif()
    set(kept "")
    foreach(directory IN LISTS directories)
      # Generator expressions cannot be checked here; keep them.
      if(directory MATCHES "^\\$<" OR EXISTS "${directory}")
        list(APPEND kept "${directory}")
      endif()
    endforeach()
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${kept}")
  endforeach()
endfunction()

cmake_language(DEFER CALL _neurok_drop_missing_include_directories)
