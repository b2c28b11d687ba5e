import express from 'express'
import expressPouchDb from 'express-pouchdb'
import PouchDB from 'pouchdb'

// express-pouchdb on LevelDB, with nothing but what replication needs. Argument: a folder.

const Stored = PouchDB.defaults({ prefix: `${process.argv[2]}/` })
const app = express()
app.use('/', expressPouchDb(Stored, { mode: 'minimumForPouchDB', inMemoryConfig: true }))
const server = app.listen(0, '127.0.0.1', () => process.send(server.address().port))
