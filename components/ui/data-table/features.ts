import { metaHelper, rowSelectionFeature, tableFeatures } from '@tanstack/react-table'

export type ColumnMeta = {
  /** Numbers stand at the end, under each other. */
  align?: 'end'
  /** The list's `sort` value; the head is then a control. Rows arrive sorted: the server does it. */
  sort?: string
  /** A CSS width; the columns without one share what is left. */
  width?: string
  /** Left out where the screen is narrow. */
  wide?: boolean
  /** The cell is tinted for a moment when this text changes. */
  live?: boolean
}

/** What every list of the console can do. Paging, sorting and filtering are the server's. */
export const features = tableFeatures({ rowSelectionFeature, columnMeta: metaHelper<ColumnMeta>() })
