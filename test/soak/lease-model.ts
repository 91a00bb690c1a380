/** The seeded model test of leases (test/model/lease) over a thousand seeds; SEEDS names others. */
process.env['SEEDS'] ??= Array.from({ length: 1_000 }, (_, index) => String(index + 1)).join(',');
await import('../model/lease/lease-model.test.js');
