import { DetailLoading } from '#components/shell/loading.tsx'

export default function Loading() {
  return <DetailLoading />
}
