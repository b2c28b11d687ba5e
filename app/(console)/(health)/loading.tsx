import { BoardLoading } from '#components/shell/loading.tsx'

export default function Loading() {
  return <BoardLoading />
}
