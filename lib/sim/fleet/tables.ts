/** A register's record: what the real data has in common, and what crews add in the field. */
const RECORD_SCHEMA = {
  type: 'object',
  required: ['displayName', 'locationSet', 'tags'],
  properties: {
    displayName: { type: 'string', minLength: 1, maxLength: 200 },
    locationSet: { type: 'object' },
    tags: { type: 'object', minProperties: 1, additionalProperties: { type: 'string', maxLength: 2000 } },
    matchNames: { type: 'array', items: { type: 'string' } },
    note: { type: 'string', maxLength: 4000 },
    remarks: { type: 'string', maxLength: 4000 },
    visits: { type: 'object' },
    seals: { type: 'object' },
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

/** Remarks are one text for all crews; visits are counted by each device, and seals that were used stay used. */
const inspected = {
  ...common,
  strategy: 'merge',
  sets: ['matchNames'],
  fields: {
    remarks: { strategy: 'ot' },
    visits: { strategy: 'crdt', type: 'pn-counter' },
    seals: { strategy: 'crdt', type: 'g-counter' },
  },
}

/** Registers whose sites crews go and look at. */
const INSPECTED_TABLES: Readonly<Record<string, object>> = {
  'operators/power/line': { ...inspected, priority: 'critical' },
  'operators/amenity/charging_station': inspected,
}

/** Registers the fleet works on, each with the policy that suits what it is used for. */
export const REGISTER_TABLES: Readonly<Record<string, object>> = {
  ...INSPECTED_TABLES,
  'transit/route/bus': { ...common, strategy: 'merge', priority: 'bulk', sets: ['matchNames'] },
  'brands/amenity/pharmacy': { ...common, strategy: 'manual' },
  'brands/amenity/fuel': { ...common, strategy: 'lww' },
  'brands/amenity/bank': { ...common, strategy: 'fww' },
}

/** Whether the table's sites are visited, and have remarks. */
export function isInspected(table: string): boolean {
  return table in INSPECTED_TABLES
}

/** What a crew may order by itself, in euros. */
export const ORDER_LIMIT = 500

/** What a visit leaves behind beside the site's own record. */
export const VISIT_TABLES: Readonly<Record<string, object>> = {
  visits: {
    strategy: 'merge',
    schema_version: 1,
    schema: {
      type: 'object',
      required: ['site', 'site_name', 'inspector', 'at', 'result'],
      properties: {
        site: { type: 'string', format: 'uuid' },
        site_name: { type: 'string' },
        inspector: { type: 'string' },
        at: { type: 'string', format: 'date-time' },
        minutes: { type: 'integer', minimum: 1 },
        result: { enum: ['in order', 'defect found'] },
      },
    },
  },
  work_orders: {
    strategy: 'merge',
    schema_version: 1,
    schema: {
      type: 'object',
      required: ['site', 'site_name', 'task', 'estimate'],
      properties: {
        site: { type: 'string', format: 'uuid' },
        site_name: { type: 'string' },
        task: { type: 'string', minLength: 1 },
        estimate: { type: 'integer', minimum: 0 },
      },
    },
    rules: [
      {
        rule: `self.estimate <= ${ORDER_LIMIT}`,
        message: `An order above ${ORDER_LIMIT} € needs the office.`,
        field: 'estimate',
      },
    ],
  },
}
