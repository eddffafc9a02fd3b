/** How the report of an experiment looks: from a phone to a wide screen, light, dark, on paper. */
export const REPORT_STYLE = `
:root{color-scheme:light dark;--ink:#1f2933;--soft:#5b6775;--line:#dfe4ea;--paper:#fff;--panel:#f5f7f9;--value:#2f5fc4;--good:#1f7a4d;--bad:#b92f2f;--open:#8a5a00;--idle:#5b6775;--active:#2f5fc4}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa7b6;--line:#2f3a46;--paper:#141a21;--panel:#1b232c;--value:#7ea6f5;--good:#5fcf9a;--bad:#f27b7b;--open:#e8a94a;--idle:#9aa7b6;--active:#7ea6f5}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif;overflow-wrap:break-word}
main{max-width:58rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{margin:0;font-size:1.8rem;line-height:1.2}
h2{margin:2.2rem 0 .6rem;font-size:1.15rem}
h3{margin:0;font-size:1rem}
p{margin:.4rem 0;max-width:46rem}
.soft{color:var(--soft)}
header p{margin:.2rem 0}
.decision{margin:.9rem 0!important;padding:.7rem .9rem;border-left:4px solid var(--tone);background:var(--panel);max-width:none}
.decision b{color:var(--tone)}
.decision span{display:block}
.good{--tone:var(--good)}.bad{--tone:var(--bad)}.open{--tone:var(--open)}.idle{--tone:var(--idle)}.active{--tone:var(--active)}
.badge{display:inline-block;padding:0 .5em;border:1px solid var(--tone);border-radius:1em;color:var(--tone);font-size:.8rem;font-weight:400;line-height:1.5;white-space:nowrap}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.2rem;margin:.6rem 0 1rem}
dt{color:var(--soft)}
dd{margin:0}
.arm{margin:.6rem 0;padding:.6rem .9rem;border:1px solid var(--line);border-radius:6px}
pre{margin:.4rem 0 0;padding:.5rem .7rem;max-height:14rem;overflow:auto;background:var(--panel);border-radius:4px;font:13px/1.45 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
.effect b{font-size:1.35rem;font-weight:600;margin-right:.4rem}
.effect .soft{display:block}
figure{margin:1rem 0}
figcaption{font-size:.85rem;margin-top:.4rem}
.chart{display:grid;grid-template-columns:3.2rem 1fr;font-size:.8rem;color:var(--soft);font-variant-numeric:tabular-nums}
.chart svg{display:block;overflow:visible;width:100%;height:15rem;border:1px solid var(--line);border-width:0 0 1px 1px}
.chart path{fill:none;stroke-width:1.5;vector-effect:non-scaling-stroke}
.chart .band{fill:var(--value);fill-opacity:.16;stroke:none}
.chart .value,.chart .whisker,.chart .dot{stroke:var(--value);stroke-width:2}
.chart .dot{stroke-width:8;stroke-linecap:round}
.chart .none{stroke:var(--soft);stroke-width:1}
.chart .worth{stroke:var(--good);stroke-dasharray:6 4}
.ys{position:relative}
.ys span{position:absolute;right:.5rem;transform:translateY(-50%)}
.xs{grid-column:2;display:flex;justify-content:space-between;white-space:nowrap;padding-top:.2rem}
.xs span:only-child{margin:0 auto}
.proof{margin:.8rem 0;padding:0;list-style:none}
.proof li{display:grid;grid-template-columns:7rem 6rem 1fr;gap:.2rem .8rem;align-items:center}
.bar{height:.6rem;border:1px solid var(--line);border-radius:3px;overflow:hidden;print-color-adjust:exact}
.bar i{display:block;height:100%;background:var(--tone);print-color-adjust:exact}
table{width:100%;border-collapse:collapse;margin:.6rem 0}
th,td{padding:.35rem .8rem .35rem 0;text-align:left;vertical-align:top;font-variant-numeric:tabular-nums}
th{font-weight:600}
thead th{color:var(--soft);font-weight:400;border-bottom:1px solid var(--line)}
.figures .what{padding-top:0;font-size:.85rem;border-bottom:1px solid var(--line)}
.history td:first-child,.history th{white-space:nowrap}
.history td:last-child{width:100%}
footer{margin-top:2.5rem;font-size:.85rem}
@media (max-width:600px){
dl{display:block}dd{margin-bottom:.5rem}
.proof li{grid-template-columns:1fr 1fr;margin-bottom:.6rem}.proof li span:last-child{grid-column:1/-1}
.figures thead{display:none}.figures tr:first-child{display:grid;grid-template-columns:1fr 1fr;padding-top:.4rem}.figures th,.figures td{padding:.1rem .4rem .1rem 0}
.figures td:last-child:not(.what){grid-area:1/2}.figures [data-arm]::before{content:attr(data-arm);display:block;color:var(--soft);font-size:.85rem}
.figures .what{display:block;padding-bottom:.4rem}
.history tr{display:block;padding:.3rem 0}.history td,.history th{display:block;padding:0}
}
@media print{
:root{color-scheme:light;--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--panel:#fff;--value:#2f5fc4;--good:#1f7a4d;--bad:#b92f2f;--open:#8a5a00;--idle:#444;--active:#2f5fc4}
main{max-width:none;padding:0}pre{max-height:none;border:1px solid var(--line)}.arm,figure,tbody,li{break-inside:avoid}h2{break-after:avoid}.chart .band{print-color-adjust:exact}
}`
