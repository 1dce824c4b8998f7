// Imports of `fedwit:plugin/...` get the doubles in this folder, so that tests run in Node and need no WebAssembly.
import { register } from 'node:module';

register('./resolve.js', import.meta.url);
