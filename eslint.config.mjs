import globals from 'globals';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      'dist/**',
      'build/**',
      'node_modules/**',
      'models/**',
      'prebuilds/**',
      '**/.sightline/**',
    ],
  },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    languageOptions: {
      parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      'no-console': 'error',
      eqeqeq: 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
    },
  },
  {
    // A class of another realm (vm context, test runner, worker) is another class.
    files: ['lib/**', 'sample/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector:
            "BinaryExpression[operator='instanceof'][right.name=/^(Object|Function|Promise|Date|RegExp|Map|Set|Buffer|Blob|File|Request|Response|URL|AbortSignal|\\w*Array|\\w*ArrayBuffer|DataView|(?!Commander)\\w*Error)$/]",
          message:
            'use util.types, isError() of lib/base/errors or a name: classes differ between realms',
        },
      ],
    },
  },
  { files: ['tools/**', 'test/**', 'bench/**'], rules: { 'no-console': 'off' } },
  { files: ['web/**/*.js'], languageOptions: { globals: globals.browser } },
  { files: ['**/*.mjs'], languageOptions: { globals: globals.node } },
);
