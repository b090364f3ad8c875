import eslint from '@eslint/js';
import prettier from 'eslint-config-prettier';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

// Only src/api may speak HTTP (docs/architecture.md): everything else calls its functions.
const httpIsForTheApiFolder = [
  'error',
  { name: 'fetch', message: 'Only src/api talks HTTP.' },
  { name: 'XMLHttpRequest', message: 'Only src/api talks HTTP.' },
  { name: 'EventSource', message: 'Only src/api talks HTTP.' }
];

export default tseslint.config(
  { ignores: ['lib', 'node_modules', 'studyhall_extension', 'src/api/schema.ts'] },
  eslint.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.json', './tsconfig.staff.json', './tsconfig.test.json'],
        tsconfigRootDir: import.meta.dirname
      }
    },
    plugins: { 'react-hooks': reactHooks },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true }],
      'no-restricted-globals': httpIsForTheApiFolder,
      'no-restricted-imports': 'off',
      // Template strings with numbers are how people write sentences with counts.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // JupyterLab's own interfaces hand out async functions where void ones are expected.
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { attributes: false } }
      ],
      // Classes hold the plugins' state; an arrow that returns void is their usual shorthand.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }]
    }
  },
  {
    files: ['src/api/**', 'staff/api/**', 'staff/api.ts'],
    rules: { 'no-restricted-globals': 'off' }
  },
  {
    files: ['tests/**'],
    rules: {
      // node:test returns promises that its runner itself awaits.
      '@typescript-eslint/no-floating-promises': 'off'
    }
  },
  {
    files: ['scripts/**', '*.mjs'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly', URL: 'readonly' } }
  },
  prettier
);
