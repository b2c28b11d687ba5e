import { createRxDatabase } from 'rxdb/plugins/core'
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory'
import { createRxServer } from 'rxdb-server/plugins/server'
import { RxServerAdapterExpress } from 'rxdb-server/plugins/adapter-express'

// rxdb-server in memory: nothing of it survives. Argument: a port.

const database = await createRxDatabase({ name: 'bench', storage: getRxStorageMemory() })
const text = { type: 'string' }
const collections = {}
for (const name of ['pushed', 'pulled']) {
  collections[name] = {
    schema: {
      version: 0,
      primaryKey: 'id',
      type: 'object',
      properties: {
        id: { type: 'string', maxLength: 36 },
        title: text,
        status: text,
        priority: { type: 'number' },
        address: { type: 'object' },
        tags: { type: 'array', items: text },
        measured: { type: 'object' },
        assignee: text,
        notes: text,
      },
      required: ['id'],
    },
  }
}
await database.addCollections(collections)
const server = await createRxServer({
  database,
  adapter: RxServerAdapterExpress,
  port: Number(process.argv[2]),
})
for (const [name, collection] of Object.entries(database.collections)) {
  server.addReplicationEndpoint({ name, collection })
}
await server.start()
process.send(Number(process.argv[2]))
