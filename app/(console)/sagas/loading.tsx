import { ListLoading } from '#components/shell/loading.tsx'

export default function Loading() {
  return <ListLoading label="Loading sagas" />
}
