/** Fernet tokens are those of its specification, so that Python's cryptography reads them. */
import { describe, expect, it } from 'vitest';
import { fernetDecrypt, fernetEncrypt, fernetKey } from '../../../../../src/main/relation/etcd-client/fernet.js';

// The vector of the specification (github.com/fernet/spec, generate.json).
const KEY = 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=';
const TOKEN = 'gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==';
const seed = { iv: Uint8Array.from({ length: 16 }, (_, index) => index), timeSeconds: 499_162_800n };

describe('fernet', () => {
  it('makes the token of the specification, and reads it', () => {
    expect(fernetEncrypt(KEY, 'hello', seed)).toBe(TOKEN);
    expect(fernetDecrypt(KEY, TOKEN)).toBe('hello');
  });

  it('takes no token that was changed, cut or made with another key', () => {
    // Of the last character only two bits count.
    for (let at = 0; at < TOKEN.length - 3; at++) {
      const other = TOKEN[at] === 'A' ? 'B' : 'A';
      expect(fernetDecrypt(KEY, TOKEN.slice(0, at) + other + TOKEN.slice(at + 1))).toBeUndefined();
      expect(fernetDecrypt(KEY, TOKEN.slice(0, at))).toBeUndefined();
    }
    expect(fernetDecrypt(fernetKey(new Uint8Array(32)), TOKEN)).toBeUndefined();
  });

  it('takes no key of another length', () => {
    expect(fernetEncrypt('c2hvcnQ=', 'hello', seed)).toBeUndefined();
    expect(fernetDecrypt('', TOKEN)).toBeUndefined();
  });
});
