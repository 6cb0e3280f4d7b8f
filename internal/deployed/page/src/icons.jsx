// Drawn for this page on a grid of 24.
const icon = (d) =>
  function Icon() {
    return (
      <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
        <path d={d} />
      </svg>
    )
  }

export const UploadIcon = icon('M12 16V4m0 0L7 9m5-5 5 5M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3')
export const DownloadIcon = icon('M12 4v12m0 0 5-5m-5 5-5-5M4 17v1a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-1')
export const LinkIcon = icon('M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1.2 1.2M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1.2-1.2')
export const CheckIcon = icon('m5 13 4.5 4.5L19 7')
export const TrashIcon = icon('M4 7h16M9 7V4h6v3m-8.5 0 .8 12a1 1 0 0 0 1 1h7.4a1 1 0 0 0 1-1l.8-12M10 11v5m4-5v5')
export const PauseIcon = icon('M9 6v12m6-12v12')
export const PlayIcon = icon('m8 5 11 7-11 7z')
export const RetryIcon = icon('M19 12a7 7 0 1 1-2-5l2 2m0-5v5h-5')
export const CloseIcon = icon('m6 6 12 12M18 6 6 18')
export const WarningIcon = icon('M12 9v4m0 3.5v.5M12 4 2.8 19.5h18.4z')
export const FileIcon = icon('M14 3H7a1 1 0 0 0-1 1v16a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1V7zm0 0v4h4')
export const PictureIcon = icon('M4 5h16v14H4zm0 11 4.5-4.5L13 16l2.5-2.5L20 18M15.5 9.5v.1')
export const SoundIcon = icon('M9 18V6l10-2v12M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zm10-2a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z')
export const FilmIcon = icon('M4 5h16v14H4zM8 5v14m8-14v14M4 12h16M4 8.5h4m-4 7h4m8-7h4m-4 7h4')
export const TextIcon = icon('M14 3H7a1 1 0 0 0-1 1v16a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1V7zm0 0v4h4M9 12h6m-6 4h6')
export const BoxIcon = icon('M4 8v11a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1V8M3 4h18v4H3zm7 8h4')
export const EyeIcon = icon('M2.5 12s3.5-6 9.5-6 9.5 6 9.5 6-3.5 6-9.5 6-9.5-6-9.5-6zm12.5 0a3 3 0 1 1-6 0 3 3 0 0 1 6 0z')
export const InfoIcon = icon('M12 11v6m0-9.5v.1M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z')

const archives = /(zip|tar|gzip|7z|rar|xz|bzip|zstd|compressed)/

/** The picture of a media type. */
export function TypeIcon({ type = '' }) {
  if (type.startsWith('image/')) return <PictureIcon />
  if (type.startsWith('audio/')) return <SoundIcon />
  if (type.startsWith('video/')) return <FilmIcon />
  if (archives.test(type)) return <BoxIcon />
  if (type.startsWith('text/') || type === 'application/json' || type === 'application/pdf') return <TextIcon />
  return <FileIcon />
}
