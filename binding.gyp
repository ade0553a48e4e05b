# Read by node-gyp for the published binaries (`npm run prebuild:package`). The source list is the one
# that CMakeLists.txt reads.
{
  'variables': {
    'version': '<!(node -p "require(\'./package.json\').version")',
    'node_addon_api': '<!(node -p "path.dirname(require.resolve(\'node-addon-api/package.json\'))")',
  },
  'targets': [
    {
      'target_name': 'sightline',
      'sources': ['<!@(node tools/native-sources.mjs)'],
      'include_dirs': ['native'],
      'defines': ['NAPI_VERSION=8', 'NODE_ADDON_API_CPP_EXCEPTIONS', 'NDEBUG',
                  'SIGHTLINE_VERSION="<(version)"'],
      # Not include_dirs: warnings are errors in our code, not in theirs.
      'cflags_cc': [
        '-std=c++20', '-O3', '-fexceptions', '-fvisibility=hidden', '-fvisibility-inlines-hidden',
        '-Wall', '-Wextra', '-isystem', '<(node_addon_api)',
      ],
      # node-gyp's own defaults: no exceptions, an older standard and gnu extensions.
      'cflags_cc!': ['-fno-exceptions', '-std=gnu++17', '-std=gnu++20', '-fno-rtti'],
      'conditions': [
        ['OS=="linux"', {
          # One binary for old and new systems: the C++ runtime travels inside it.
          # Its symbols stay private, or two addons with different runtimes would share one.
          'ldflags': [
            '-static-libstdc++', '-static-libgcc', '-Wl,--gc-sections', '-Wl,--exclude-libs,ALL',
          ],
          'cflags_cc': ['-ffunction-sections', '-fdata-sections'],
        }],
        ['OS=="mac"', {
          'xcode_settings': {
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
            'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
            'GCC_OPTIMIZATION_LEVEL': '3',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
            'MACOSX_DEPLOYMENT_TARGET': '11.0',
            'OTHER_CPLUSPLUSFLAGS': [
              '-isystem', '<(node_addon_api)',
            ],
          },
        }],
      ],
    },
  ],
}
