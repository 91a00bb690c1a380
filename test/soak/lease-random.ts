/** The random test of leases (test/integration/lease-model.test.ts) over fifty seeds; SEEDS names others. */
process.env['SEEDS'] ??= Array.from({ length: 50 }, (_, index) => String(index + 1)).join(',');
await import('../integration/lease-model.test.js');
