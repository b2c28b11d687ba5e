/** A register's record: what the real data has in common. */
const RECORD_SCHEMA = {
  type: 'object',
  required: ['displayName', 'locationSet', 'tags'],
  properties: {
    displayName: { type: 'string', minLength: 1, maxLength: 200 },
    locationSet: { type: 'object' },
    tags: { type: 'object', minProperties: 1, additionalProperties: { type: 'string', maxLength: 2000 } },
    matchNames: { type: 'array', items: { type: 'string' } },
    note: { type: 'string', maxLength: 4000 },
  },
}

const RULES = [
  {
    rule: "!has(self.tags.capacity) || self.tags.capacity.matches('^[0-9]+$')",
    message: 'The capacity must be a whole number.',
    field: 'tags.capacity',
  },
]

const common = { schema: RECORD_SCHEMA, schema_version: 1, rules: RULES }

/** Registers the fleet works on, each with the policy that suits what it is used for. */
export const REGISTER_TABLES: Readonly<Record<string, object>> = {
  'operators/power/line': { ...common, strategy: 'merge', priority: 'critical', sets: ['matchNames'] },
  'operators/amenity/charging_station': { ...common, strategy: 'merge', sets: ['matchNames'] },
  'transit/route/bus': { ...common, strategy: 'merge', priority: 'bulk', sets: ['matchNames'] },
  'brands/amenity/pharmacy': { ...common, strategy: 'manual' },
  'brands/amenity/fuel': { ...common, strategy: 'lww' },
  'brands/amenity/bank': { ...common, strategy: 'fww' },
}
